// The jobs of a project: what runs, how it went, what it said last.

import { ApiError, get, logPath } from "./api.js";
import { el, fill, say } from "./dom.js";
import { duration, number, size, time } from "./format.js";
import { choice, header } from "./header.js";
import { t } from "./i18n.js";
import { LabelFilter, labelList } from "./labels.js";
import { listen } from "./log/keys.js";
import { stateBadge } from "./log/state.js";
import { folded, paint } from "./log/text.js";

const PAGE = 50;
const MOST = 1000;
const AGAIN_MS = 2000;
const HIDDEN_MS = 15_000;
const TYPING_MS = 200;
const MOST_LINE = 240;

const STATES = ["RUNNING", "COMPLETED", "FAILED", "KILLED", "LOST", "WAITING", "UNKNOWN"];

/**
 * @typedef {{id: number, name: string, run_id: string | null, status: string, reason: string | null,
 *   expected_tasks: number | null, started_ms: number | null, ended_ms: number | null, logs: number, open_logs: number,
 *   size_bytes: number, appended_ms: number, first_task: string | null, last_task: string | null, last_line: string, progress: Bar | null}} LastRun
 * @typedef {{label: string, done: number | null, total: number | null, fraction: number, remaining_s: number | null,
 *   run_remaining_s: number | null}} Bar
 * @typedef {{id: number, name: string, created_ms: number, labels: Record<string, string>, runs: number, last: LastRun | null}} JobRow
 * @typedef {{items: JobRow[], total: number, now_ms: number}} Overview
 */

/**
 * The columns: what they are called, and what they are sorted by.
 * @type {[string, string | null][]}
 */
const COLUMNS = [
  ["job", "name"],
  ["state", "status"],
  ["started", "recent"],
  ["duration", "duration"],
  ["progress", null],
  ["ranks", null],
  ["sizeOf", null],
  ["attempts", "runs"],
  ["lastLine", null],
];

/**
 * @param {string | null} project
 * @param {() => void} again
 * @param {(error: unknown) => void} failed
 * @returns {Promise<import("./main.js").Page>}
 */
export async function jobsPage(project, again, failed) {
  /** @type {{items: import("./api.js").Project[]}} */
  const projects = await get("/api/projects", { limit: 1000 });
  const ids = projects.items.map((each) => each.id);
  const chosen = project ?? (ids.includes("default") ? "default" : ids[0]);
  if (chosen === undefined) throw new ApiError(404, "not_found", "no project");
  return new JobsPage(chosen, ids, again, failed);
}

class JobsPage {
  /**
   * @param {string} project
   * @param {string[]} projects
   * @param {() => void} again
   * @param {(error: unknown) => void} failed
   */
  constructor(project, projects, again, failed) {
    this.project = project;
    this.failed = failed;
    this.sort = "-recent";
    this.limit = PAGE;
    this.timer = 0;
    this.turn = 0;
    this.closed = false;
    const box = choice(t("project"), project, projects.includes(project) ? projects : [project, ...projects]);
    box.addEventListener("change", () => {
      history.pushState(null, "", `/projects/${encodeURIComponent(box.value)}/`);
      again();
    });
    this.search = el("input", { type: "search", placeholder: t("searchJobs"), "aria-label": t("searchJobs"), spellcheck: "false" });
    this.search.addEventListener("input", () => this.later(TYPING_MS));
    const names = Object.fromEntries(STATES.map((each) => [each, t(each)]));
    this.state = choice(t("state"), "", ["", ...STATES], { "": t("anyState"), ...names });
    this.state.addEventListener("change", () => void this.look());
    this.labels = new LabelFilter(() => void this.look());
    this.count = el("span", { class: "quiet", role: "status" });
    this.heads = el("tr");
    this.rows = el("tbody");
    this.table = el("table", { class: "jobs" }, el("thead", {}, this.heads), this.rows);
    this.more = el("button", { type: "button", hidden: true, click: () => this.showMore() }, t("more"));
    this.none = el("div", { class: "none", hidden: true });
    this.notice = el("p", { class: "problem", role: "alert" });
    this.element = el(
      "div",
      { class: "screen" },
      header([box], again),
      el("div", { class: "tools", role: "search" }, this.search, this.state, this.labels.element, el("span", { class: "spacer" }), this.count),
      el("main", { class: "jobs-page" }, this.notice, this.table, this.none, this.more),
    );
    this.rows.addEventListener("click", (event) => {
      const label = event.target instanceof Element ? event.target.closest("button.label") : null;
      if (label) this.labels.add(label.getAttribute("data-label") ?? "");
    });
    this.unlisten = listen({ "/": () => this.search.focus() });
    this.onVisible = () => {
      if (!document.hidden) void this.look();
    };
    document.addEventListener("visibilitychange", this.onVisible);
    document.title = `${t("jobs")} · joblog`;
    this.showHeads();
  }

  begin() {
    void this.look();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.unlisten();
    document.removeEventListener("visibilitychange", this.onVisible);
  }

  /** @param {number} ms */
  later(ms) {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = window.setTimeout(() => void this.look(), ms);
  }

  async look() {
    clearTimeout(this.timer);
    const turn = ++this.turn;
    try {
      const path = `/api/projects/${encodeURIComponent(this.project)}/overview`;
      const search = this.search.value.trim().slice(0, 64);
      const asked = { search, status: this.state.value, label: this.labels.wanted, sort: this.sort, limit: this.limit };
      /** @type {Overview} */
      const seen = await get(path, asked);
      if (this.closed || turn !== this.turn) return;
      this.show(seen, search !== "" || this.state.value !== "" || this.labels.wanted.length > 0);
      say(this.notice, "");
    } catch (error) {
      if (this.closed || turn !== this.turn) return;
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) {
        this.failed(error);
        return;
      }
      say(this.notice, t("retrying"));
    }
    this.later(document.hidden ? HIDDEN_MS : AGAIN_MS);
  }

  showMore() {
    this.limit = Math.min(this.limit + PAGE * 2, MOST);
    void this.look();
  }

  /**
   * @param {Overview} seen
   * @param {boolean} filtered
   */
  show(seen, filtered) {
    say(this.count, seen.total ? t("jobsShown", number(seen.items.length), number(seen.total)) : "");
    this.more.hidden = seen.items.length >= seen.total || this.limit >= MOST;
    this.table.hidden = !seen.total;
    this.none.hidden = seen.total > 0;
    if (!seen.total) fill(this.none, filtered ? el("p", { class: "quiet" }, t("noMatch")) : firstLog(this.project));
    this.labels.offer(seen.items.map((job) => job.labels));
    const at = this.rows.contains(document.activeElement) && document.activeElement?.getAttribute("data-key");
    fill(this.rows, ...seen.items.map((job) => jobRow(this.project, job, seen.now_ms)));
    if (at) /** @type {HTMLElement | null} */ (this.rows.querySelector(`[data-key="${CSS.escape(at)}"]`))?.focus();
  }

  showHeads() {
    fill(
      this.heads,
      ...COLUMNS.map(([name, by]) => {
        const direction = this.sort === by ? "ascending" : this.sort === `-${by}` ? "descending" : null;
        const arrow = direction === "ascending" ? " ↑" : direction ? " ↓" : "";
        const label = by !== null ? el("button", { type: "button", click: () => this.sortBy(by) }, t(name) + arrow) : t(name);
        return el("th", { scope: "col", class: name, "aria-sort": direction }, label);
      }),
    );
  }

  /** @param {string} by */
  sortBy(by) {
    this.sort = this.sort === `-${by}` ? by : this.sort === by ? `-${by}` : by === "name" ? by : `-${by}`;
    this.showHeads();
    void this.look();
  }
}

/**
 * @param {string} project
 * @param {JobRow} job
 * @param {number} now
 */
function jobRow(project, job, now) {
  const { last } = job;
  const cell = (/** @type {string} */ name, /** @type {import("./dom.js").Child[]} */ ...content) =>
    el("td", { class: name, "data-label": t(name) }, ...content);
  const started = last?.started_ms ?? null;
  const long = started === null ? "" : duration((last?.ended_ms ?? now) - started);
  const said = el("span", { class: "said" });
  if (last) paint(said, folded(last.last_line).last.slice(0, MOST_LINE));
  return el(
    "tr",
    {},
    cell("job", jobLink(project, job), labelList(job.id, job.labels)),
    cell("state", last ? stateBadge(last.status, last.reason) : stateBadge("NONE")),
    cell("started", el("time", { title: time(started ?? job.created_ms) }, time(started ?? job.created_ms).slice(5, 16))),
    cell("duration", long),
    cell("progress", last?.progress ? progress(last.progress) : null),
    cell("ranks", last ? ranks(last) : ""),
    cell("sizeOf", last ? size(last.size_bytes) : ""),
    cell("attempts", job.runs ? number(job.runs) : ""),
    cell("lastLine", said),
  );
}

/**
 * The job's name, a link to the log that spoke last.
 * @param {string} project
 * @param {JobRow} job
 */
function jobLink(project, job) {
  const task = job.last && (job.last.last_task ?? job.last.first_task);
  if (!job.last || !task) return job.name;
  const href = logPath({ project, job: job.id, version: job.last.id, task });
  return el("a", { href, "data-key": job.id, title: job.last.run_id ?? "" }, job.name);
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

/** @param {LastRun} last */
function ranks(last) {
  const expected = last.expected_tasks;
  return expected && expected !== last.logs ? `${number(last.logs)}/${number(expected)}` : number(last.logs);
}

/**
 * What to do where no job has sent anything yet.
 * @param {string} project
 */
function firstLog(project) {
  const where = [`export JOBLOG_URL=${location.origin}`, "export JOBLOG_TOKEN=...    # joblog token create --right write"];
  if (project !== "default") where.push(`export JOBLOG_PROJECT=${project}`);
  return el(
    "section",
    { class: "first" },
    el("h1", {}, t("emptyTitle")),
    el("p", {}, t("emptyRun")),
    el("pre", {}, "pip install joblog\njoblog run --job my-first-job -- python train.py"),
    el("p", {}, t("emptyWhere")),
    el("pre", {}, where.join("\n")),
    el("p", { class: "quiet" }, t("emptyThen")),
  );
}
