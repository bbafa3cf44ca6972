// Why a run died: what the server found, each statement with a link to the lines that say so.

import { get, logPath } from "../api.js";
import { el, fill } from "../dom.js";
import { t } from "../i18n.js";
import { hashOf } from "./selection.js";
import { paint } from "./text.js";

const DIED = ["FAILED", "LOST", "KILLED"];

/** What is asked for: a page, not a book. */
const MOST_BYTES = 12_000;
const MOST_FAILURES = 6;
const MOST_LINES = 6;

/**
 * @typedef {{task: string, start_line: number, end_line: number}} Where
 * @typedef {{kind: string, summary: string, ranks: string, count: number, where: Where, text: string[], cause: string | null}} Failed
 * @typedef {{how: string, ranks: string, count: number, where: Where, lines: string[]}} Ended
 * @typedef {{version_id: number, version: string, where: Where}} Again
 * @typedef {{verdict: string, first: Failed | null, failures: Failed[], endings: Ended[], again: Again[]}} Digest
 */

export class Why {
  /** @param {import("../api.js").Address} address */
  constructor(address) {
    this.address = address;
    this.asked = "";
    this.alone = false;
    this.element = el("details", { class: "why", hidden: true, open: window.innerWidth > 640 });
  }

  /**
   * Asks once for each state in which a run has died.
   * @param {import("../api.js").Version | null} version
   */
  async show(version) {
    const died = version !== null && DIED.includes(version.status);
    if (!died || this.asked === version.status) {
      if (!died) this.element.hidden = true;
      return;
    }
    this.asked = version.status;
    const { project, job } = this.address;
    const path = `/api/projects/${encodeURIComponent(project)}/jobs/${job}/versions/${version.id}/why`;
    /** @type {Digest} */
    const digest = await get(path, { max_bytes: MOST_BYTES });
    if (!digest.first && !digest.failures.length) return;
    this.element.hidden = false;
    this.alone = digest.endings.reduce((count, each) => count + each.count, 0) === 1;
    const others = digest.failures.filter((each) => !same(each, digest.first)).slice(0, MOST_FAILURES);
    fill(
      this.element,
      el("summary", {}, el("strong", {}, t("why")), " ", el("span", {}, digest.verdict)),
      el("ul", {}, ...(digest.first ? [this.#failed(digest.first, true)] : []), ...others.map((each) => this.#failed(each, false))),
      digest.again.length ? el("p", {}, `${t("whyAgain")} `, ...digest.again.flatMap((each) => [this.#again(each), " "])) : null,
      digest.endings.length > 1 ? el("ul", {}, ...digest.endings.slice(0, MOST_FAILURES).map((each) => this.#ended(each))) : null,
    );
  }

  /**
   * @param {Failed} failed
   * @param {boolean} first
   */
  #failed(failed, first) {
    const text = el("pre");
    if (first) paint(text, failed.text.slice(-MOST_LINES).join("\n"));
    return el(
      "li",
      { class: first ? "cause" : null },
      el("span", { class: "badge bad" }, failed.kind),
      " ",
      first ? null : el("span", { class: "said" }, failed.summary),
      " ",
      this.#link(failed.where, this.#place(failed)),
      first && failed.text.length > 1 ? text : null,
    );
  }

  /**
   * Of one process: the line alone.
   * @param {Failed} failed
   */
  #place(failed) {
    const line = t("atLine", failed.where.start_line);
    const own = failed.where.task === `worker-${failed.ranks}`;
    return this.alone && own ? line : `${t("ranksAre", failed.ranks)}, ${line}`;
  }

  /** @param {Again} again */
  #again(again) {
    return this.#link(again.where, again.version, again.version_id);
  }

  /** @param {Ended} ended */
  #ended(ended) {
    return el("li", {}, `${ended.how}: `, this.#link(ended.where, t("ranksAre", ended.ranks)));
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
