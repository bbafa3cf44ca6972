// A job as a row of the list: how its last run is, and below it its runs when somebody opens it.

import { firedMark } from "../alerts/links.js";
import { versionPath } from "../api.js";
import { el } from "../dom.js";
import { duration, number, size } from "../format.js";
import { t } from "../i18n.js";
import { runName } from "../log/facts.js";
import { stateKind } from "../log/state.js";
import { folded, paint } from "../log/text.js";
import { endingWords, reasonWords } from "../log/verdicts.js";
import { agoElement, tookElement } from "../times.js";
import { labelList } from "./labels.js";

const MAX_LINE = 240;

/**
 * @typedef {{id: number, name: string, run_id: string | null, title?: string | null, status: string, reason: string | null,
 *   expected_tasks: number | null, created_ms: number, started_ms: number | null, ended_ms: number | null, logs: number, open_logs: number,
 *   size_bytes: number, appended_ms: number, first_task: string | null, last_task: string | null, last_line: string, progress: Bar | null,
 *   alerts: number, alert?: string | null}} LastRun
 * @typedef {{label: string, done: number | null, total: number | null, fraction: number, remaining_s: number | null,
 *   run_remaining_s: number | null}} Bar
 * @typedef {{id: number, name: string, created_ms: number, labels: Record<string, string>, runs: number, last: LastRun | null}} JobRow
 */

/**
 * @param {string} name
 * @param {...import("../dom.js").Child} content
 */
function cell(name, ...content) {
  return el("td", { class: name, "data-label": t(name) }, ...content);
}

/**
 * @param {string} project
 * @param {JobRow} job
 * @param {number} now
 * @param {boolean} open
 * @param {import("./causes.js").Cause | null} cause
 */
export function jobRow(project, job, now, open, cause) {
  const { last } = job;
  const name = last ? el("a", { href: versionPath({ project, job: job.id, version: last.id }), "data-key": job.id, title: runName({ ...last, number: job.runs }) }, job.name) : job.name;
  const toggle = el("button", { type: "button", class: "toggle", "data-open": job.id, "data-key": `${job.id} open`, "aria-expanded": String(open), "aria-label": `${open ? "▾" : "▸"} ${number(job.runs)}: ${t("runsOf", job.name)}`, title: t("attempts") }, `${open ? "▾" : "▸"} ${number(job.runs)}`);
  const status = last?.status ?? "NONE";
  return el(
    "tr",
    { "data-job": job.id },
    cell("open", last ? toggle : null),
    cell("job", el("span", { class: "name" }, el("span", { class: `dot ${stateKind(status)}`, "aria-hidden": "true" }), name), last ? fired(last) : null, labelList(job.id, job.labels)),
    cell("state", stateWord(status, last?.reason ?? null)),
    cell("lastLine", last ? words(last, cause) : null),
    cell("progress", last?.progress ? progress(last.progress) : null),
    cell("started", agoElement(last?.started_ms ?? job.created_ms, now)),
    cell("duration", last ? tookElement(last.started_ms, last.ended_ms, now) : ""),
    cell("ranks", last ? ranks(last) : ""),
    cell("sizeOf", last ? size(last.size_bytes) : ""),
  );
}

/**
 * The runs of a job, the newest first, in one row over all columns that are shown: a span over more would make columns of its own.
 * @param {string} project
 * @param {JobRow} job
 * @param {LastRun[]} runs
 * @param {number} now
 * @param {number} columns
 */
export function runRows(project, job, runs, now, columns) {
  const rows = runs.map((run) => {
    const href = versionPath({ project, job: job.id, version: run.id });
    const named = runName({ ...run, run_id: run.run_id, number: Number(run.name.slice(1)) });
    return el(
      "li",
      {},
      el("span", { class: `dot ${stateKind(run.status)}`, "aria-hidden": "true" }),
      el("a", { href, "data-key": `run ${run.id}` }, named),
      stateWord(run.status, run.reason),
      fired(run),
      agoElement(run.started_ms ?? run.created_ms, now),
      el("span", {}, tookElement(run.started_ms, run.ended_ms, now)),
      el("span", {}, t(ranks(run) === "1" ? "rankCount" : "ranksCount", ranks(run))),
      el("span", {}, size(run.size_bytes)),
      words(run, null),
    );
  });
  const content = rows.length ? el("ul", { class: "run-list" }, ...rows) : el("p", { class: "quiet" }, `${t("loading")} …`);
  const rest = job.runs > rows.length && rows.length ? el("p", { class: "quiet" }, t("runsShown", number(rows.length), number(job.runs))) : null;
  return el("tr", { class: "runs-of" }, el("td", { colspan: columns }, content, rest));
}

/** @param {LastRun} run */
function fired({ alerts, alert }) {
  return alerts ? firedMark(alerts, alert ? reasonWords(alert) : null) : null;
}

/**
 * @param {string} status
 * @param {string | null} reason
 */
function stateWord(status, reason) {
  return el("span", { class: `state-word ${stateKind(status)}`, title: reason ? endingWords(reason) : null }, t(status));
}

/**
 * What a run said last, or why it failed where that is known.
 * @param {LastRun} run
 * @param {import("./causes.js").Cause | null} cause
 */
function words(run, cause) {
  if (cause) {
    const who = run.logs > 1 ? `${t(cause.count === 1 ? "ranksAre" : "ranksMany", cause.ranks)}: ` : "";
    return el("span", { class: "said cause", title: cause.summary.slice(0, 600) }, who, cause.summary.slice(0, MAX_LINE));
  }
  const said = el("span", { class: "said" });
  paint(said, folded(run.last_line).last.slice(0, MAX_LINE));
  return said;
}

/**
 * How far a run is, and how long still, as its own progress bar says.
 * @param {Bar} bar
 */
function progress({ label, done, total, fraction, remaining_s: ofBar, run_remaining_s: ofRun }) {
  const share = Math.round(Math.min(Math.max(fraction, 0), 1) * 100);
  const counted = done === null || total === null ? "" : `${number(done)} / ${number(total)}`;
  const title = [label, counted, `${share}%`].filter(Boolean).join(" · ");
  const left = ofRun ?? ofBar;
  const said = left === null ? `${share}%` : t(ofRun === null ? "timeLeft" : "timeLeftOfRun", duration(left * 1000));
  return el("span", { class: "far", title }, el("progress", { max: 100, value: share, "aria-label": title }), el("span", {}, said));
}

/** @param {LastRun} run */
function ranks(run) {
  const expected = run.expected_tasks;
  return expected && expected !== run.logs ? `${number(run.logs)}/${number(expected)}` : number(run.logs);
}
