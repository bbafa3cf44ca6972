// Why a run died, as one sentence, its last lines and a way to them; how the ranks ended, as counts that open.

import { get, logPath, versionPath } from "../api.js";
import { el, fill } from "../dom.js";
import { number } from "../format.js";
import { t } from "../i18n.js";
import { members } from "./members.js";
import { linkAddresses } from "./addresses.js";
import { copy, hashOf } from "./selection.js";
import { paint } from "./text.js";
import { endingWords, kindWords, restartWords, whoWords } from "./verdicts.js";

export const DIED = ["FAILED", "LOST", "KILLED"];

/** What is asked for: a page, not a book. */
const MAX_BYTES = 12_000;
const MAX_FAILURES = 6;
const MAX_LINES = 3;

/** Ranks that are listed one by one. */
const MAX_RANKS = 256;

/**
 * @typedef {{task: string, start_line: number, end_line: number}} Where
 * @typedef {{kind: string, summary: string, ranks: string, count: number, where: Where, text: string[], cause: string | null,
 *   restart_helps: boolean | null, restart_reason: string}} Failed
 * @typedef {{how: string, ranks: string, count: number, where: Where, lines: string[]}} Ended
 * @typedef {{version_id: number, version: string, where: Where}} Again
 * @typedef {{verdict: string, first: Failed | null, failures: Failed[], endings: Ended[], again: Again[], unread_bytes: number,
 *   new: {line: string, ranks: string, where: Where}[], new_against: string, new_total: number}} Digest
 */

export class Why {
  /**
   * @param {import("../api.js").Address} address
   * @param {import("./notice.js").Notice} notice
   * @param {(task: string) => void} failedFirst is told whose failure the others follow from
   */
  constructor(address, notice, failedFirst) {
    this.failedFirst = failedFirst;
    this.address = address;
    this.notice = notice;
    this.asked = "";
    this.alone = false;
    this.element = el("details", { class: "why", hidden: true, open: window.innerWidth > 640 });
  }

  /**
   * Asks once for each state in which a run, or a rank of one that goes on, has died. Of a run that ended, nobody said how,
   * as one that was imported, a failure is shown where there is one.
   * @param {import("../api.js").Version | null} version
   * @param {import("./place.js").Task[]} tasks
   * @param {string} job the job's name
   */
  async show(version, tasks, job) {
    const dead = tasks.filter(({ status }) => DIED.includes(status)).map(({ task }) => task);
    const unsaid = version?.status === "UNKNOWN" && version.ended_ms !== null;
    if (version === null || (!unsaid && !DIED.includes(version.status) && (version.ended_ms !== null || !dead.length))) {
      this.element.hidden = true;
      return;
    }
    const state = `${version.status} ${dead.join()}`;
    if (this.asked === state) return;
    this.asked = state;
    /** @type {Digest} */
    const digest = await get(`/api${versionPath({ ...this.address, version: version.id })}/why`, { max_bytes: MAX_BYTES });
    if (state !== this.asked || (!digest.first && (unsaid || !digest.endings.length))) return;
    this.alone = digest.endings.reduce((count, each) => count + each.count, 0) === 1;
    const { first } = digest;
    if (first) this.failedFirst(first.where.task);
    const others = digest.failures.filter((each) => !same(each, first)).slice(0, MAX_FAILURES);
    fill(
      this.element,
      el("summary", {}, el("strong", {}, first ? whoWords(first, this.alone) : t("why")), " ", ...this.#sentence(digest)),
      first ? this.#lines(first) : null,
      first ? this.#acts(digest, first, version, job) : null,
      this.alone ? null : el("ul", { class: "ends" }, ...digest.endings.map((each) => this.#ended(each))),
      others.length ? this.#others(others) : null,
      digest.new.length ? this.#new(digest) : null,
    );
    this.element.hidden = false;
  }

  /** @param {Digest} digest */
  #sentence({ first, verdict, endings }) {
    if (first) {
      const cause = first.cause ? ` ${t("whyCause", first.cause)}` : "";
      return [el("span", { class: "badge bad" }, kindWords(first.kind)), " ", el("span", { class: "said" }, first.summary + cause)];
    }
    const known = /^No failure was found in what was read\. (?!Silent)/.test(verdict);
    if (!known) return [el("span", {}, verdict)];
    const ends = endings.map((each) => (this.alone ? endingWords(each.how) : `${this.#count(each)} ${endingWords(each.how)}`));
    return [el("span", {}, t("whyNot", ends.join("; ")))];
  }

  /** @param {Failed} first */
  #lines(first) {
    if (first.text.length < 2) return null;
    const text = el("pre", { tabindex: "0", "aria-label": t("whyLines") });
    paint(text, first.text.slice(-MAX_LINES).join("\n"));
    linkAddresses(text);
    return text;
  }

  /**
   * @param {Digest} digest
   * @param {Failed} first
   * @param {import("../api.js").Version} version
   * @param {string} job
   */
  #acts(digest, first, version, job) {
    const { task, start_line: line } = first.where;
    const here = task === this.address.task;
    const go = this.#link(first.where, here ? t("goToLine", number(line)) : t("goToRankLine", number(line), task.slice(7)));
    go.className = "button";
    const take = () =>
      void this.notice.attempt(async () => {
        await copy(this.markdown(first, version, job));
        this.notice.say(t("copied"));
      });
    return el("p", { class: "acts" }, go, el("button", { type: "button", title: t("copyWhyHelp"), click: take }, t("copyWhy")), this.#facts(digest, first));
  }

  /**
   * What one sends to a colleague: what the log says stands in a block of code, where it is no markup.
   * @param {Failed} first
   * @param {import("../api.js").Version} version
   * @param {string} job
   */
  markdown(first, version, job) {
    const text = (first.text.length ? first.text : [first.summary]).join("\n");
    const fence = "`".repeat(Math.max(3, ...[...text.matchAll(/`+/g)].map(([run]) => run.length + 1)));
    const name = `V${String(version.number).padStart(4, "0")}`;
    const { start_line: low, end_line: high, task } = first.where;
    const lines = hashOf({ first: low, last: Math.max(high - 1, low) });
    const link = `${location.origin}/p/${encodeURIComponent(this.address.project)}/${encodeURIComponent(job)}/${name}/${task}${lines}`;
    return `**${job} #${version.number}** (${t(version.status)}): ${whoWords(first, this.alone)} ${kindWords(first.kind)}\n\n${fence}\n${text}\n${fence}\n\n${link}\n`;
  }

  /**
   * @param {Digest} digest
   * @param {Failed} first
   */
  #facts(digest, first) {
    const restart = restartWords(first.restart_helps, first.restart_reason);
    const again = digest.again.flatMap((each) => [" ", this.#link(each.where, `#${Number(each.version.slice(1))}`, each.version_id)]);
    if (!restart && !again.length) return null;
    return el("span", {}, restart, again.length ? el("span", {}, restart ? " " : "", t("whyAgain"), ...again) : null);
  }

  /** @param {{ranks: string, count: number}} of */
  #count({ ranks, count }) {
    return count === 1 ? t("ranksAre", ranks) : t("ranksCount", number(count));
  }

  /**
   * Ranks that ended alike: how many, and which when it is opened.
   * @param {Ended} ended
   */
  #ended(ended) {
    const how = endingWords(ended.how);
    if (ended.count === 1) return el("li", {}, this.#link(ended.where, this.#count(ended)), `: ${how}`);
    const list = el("p", { class: "rank-links" });
    const details = el("details", {}, el("summary", {}, `${this.#count(ended)}: ${how}`), list);
    details.addEventListener("toggle", () => {
      if (!details.open || list.childElementCount) return;
      const ranks = [...members(ended.ranks)].slice(0, MAX_RANKS);
      fill(list, ...ranks.flatMap((rank) => [el("a", { href: logPath({ ...this.address, task: `worker-${rank}` }) }, String(rank)), " "]));
      if (ended.count > MAX_RANKS) list.append(ended.ranks);
    });
    return el("li", {}, details);
  }

  /** @param {Failed[]} others */
  #others(others) {
    const items = others.map((each) => {
      const place = `${this.alone ? "" : `${this.#count(each)}, `}${t("atLine", number(each.where.start_line))}`;
      return el("li", {}, el("span", { class: "badge" }, kindWords(each.kind)), " ", el("span", { class: "said" }, each.summary), " ", this.#link(each.where, place));
    });
    return el("details", {}, el("summary", {}, t("whyOthers", others.length)), el("ul", {}, ...items));
  }

  /**
   * What nobody printed in the run that this one is compared with.
   * @param {Digest} digest
   */
  #new({ new: lines, new_against: against, new_total: total }) {
    const items = lines.map((each) => el("li", {}, el("span", { class: "said" }, each.line), " ", this.#link(each.where, t("atLine", number(each.where.start_line)))));
    const where = against === "other ranks" ? t("diffRanks") : against;
    const all = el("a", { href: `${versionPath(this.address)}/diff?from=${this.address.task}` }, t("whyDiff"));
    return el("details", {}, el("summary", {}, t("whyNew", where, number(total))), el("ul", {}, ...items), el("p", {}, all));
  }

  /**
   * @param {Where} where
   * @param {string} text
   * @param {number} version
   */
  #link(where, text, version = this.address.version) {
    const lines = { first: where.start_line, last: Math.max(where.end_line - 1, where.start_line) };
    return el("a", { href: logPath({ ...this.address, version, task: where.task }) + hashOf(lines) }, text);
  }
}

/**
 * @param {Failed} one
 * @param {Failed | null} other
 */
function same(one, other) {
  return other !== null && one.where.task === other.where.task && one.where.start_line === other.where.start_line;
}
