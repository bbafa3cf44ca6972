// What a search has found, as a list with what stands around each line; of this log or of all ranks.

import { ApiError, call, logPath, versionPath } from "../api.js";
import { el, fill, say } from "../dom.js";
import { number, size } from "../format.js";
import { t } from "../i18n.js";
import { hashOf } from "./selection.js";
import { paint } from "./text.js";

/** Matches of one page, and lines of context on either side. */
const PAGE = 100;
const CONTEXT = 1;

/** What is shown of a line. */
const MOST_LINE = 500;

/**
 * @typedef {import("./searchbox.js").Question} Question
 * @typedef {{line: number, text: string}} Text
 * @typedef {{type: string, task: string, line: number, start_byte: number, end_byte: number, text: Text, before: Text[], after: Text[],
 *   lines?: number, reason?: string, cursor?: string, searched_bytes?: number, error?: {message: string}}} Event
 */

/**
 * Asks once; the answer is lines of JSON. Throws what the last of them says when that is an error.
 * @param {string} path a log's or a version's
 * @param {Question} question
 * @param {Record<string, string | number | null>} more
 * @param {AbortSignal} signal
 * @returns {Promise<Event[]>}
 */
export async function searchEvents(path, question, more, signal) {
  const query = new URLSearchParams({ pattern: question.pattern, kind: question.regex ? "regex" : "literal" });
  query.set("ignore_case", String(!question.matchCase));
  for (const [name, value] of Object.entries(more)) if (value !== null) query.set(name, String(value));
  const answer = await call(`/api${path}/search?${query}`, { signal });
  /** @type {Event[]} */
  const events = (await answer.text()).split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  const failure = events.find((event) => event.type === "error");
  if (failure) throw new ApiError(500, "", failure.error?.message ?? "");
  return events;
}

export class Results {
  /**
   * @param {import("../api.js").Address} address
   * @param {(line: number) => void} go is told a line of this log that was chosen
   */
  constructor(address, go) {
    this.address = address;
    this.go = go;
    /** @type {Question | null} */
    this.question = null;
    this.asking = new AbortController();
    this.cursor = "";
    this.count = 0;
    this.searched = 0;
    this.everywhere = el("input", { type: "checkbox" });
    this.everywhere.addEventListener("change", () => this.question && void this.show(this.question));
    this.told = el("span", { class: "quiet", role: "status" });
    this.list = el("ol", { class: "found-list" });
    this.more = el("button", { type: "button", hidden: true, click: () => void this.#ask() }, t("more"));
    const close = el("button", { type: "button", "aria-label": t("close"), click: () => this.hide() }, "✕");
    this.element = el(
      "section",
      { class: "results", hidden: true, "aria-label": t("results") },
      el("div", { class: "results-top" }, this.told, el("label", {}, this.everywhere, " ", t("allRanks")), el("span", { class: "spacer" }), close),
      this.list,
      this.more,
    );
  }

  get open() {
    return !this.element.hidden;
  }

  hide() {
    this.asking.abort();
    this.element.hidden = true;
  }

  /** @param {Question} question */
  async show(question) {
    this.asking.abort();
    this.asking = new AbortController();
    this.question = question;
    this.cursor = "";
    this.count = 0;
    this.searched = 0;
    fill(this.list);
    this.element.hidden = false;
    await this.#ask();
  }

  async #ask() {
    const { question, asking } = this;
    if (!question) return;
    say(this.told, t("searching"));
    this.more.hidden = true;
    const path = this.everywhere.checked ? versionPath(this.address) : logPath(this.address);
    const before = this.count;
    try {
      for (let end = null; !end || (end.reason === "deadline" && this.count < before + PAGE); ) {
        /** @type {Record<string, string | number | null>} */
        const more = { limit: PAGE, before: CONTEXT, after: CONTEXT, cursor: this.cursor || null };
        const events = await searchEvents(path, question, more, asking.signal);
        const found = events.filter((event) => event.type === "match");
        this.list.append(...found.map((match) => this.#item(match)));
        end = events[events.length - 1];
        this.count = this.count + found.length;
        this.searched = this.searched + (end.searched_bytes ?? 0);
        this.cursor = end.cursor ?? "";
        say(this.told, `${t("resultsShown", number(this.count))} · ${t("searched", size(this.searched))}`);
      }
      this.more.hidden = !this.cursor;
    } catch (error) {
      if (!asking.signal.aborted) say(this.told, t("failed", error instanceof Error ? error.message : ""));
    }
  }

  /** @param {Event} match */
  #item(match) {
    const { task, line, text } = match;
    const here = task === this.address.task;
    const name = here ? number(line) : `${t("ranksAre", task.replace("worker-", ""))} · ${number(line)}`;
    const link = el("a", { href: logPath({ ...this.address, task }) + hashOf({ first: line, last: line }) }, name);
    if (here) {
      link.addEventListener("click", (event) => {
        if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        this.go(line);
      });
    }
    const around = (/** @type {Text[]} */ lines) => lines.map((each) => drawn("quiet", each.text));
    return el("li", {}, link, el("div", { class: "around" }, ...around(match.before), drawn("hit-line", text.text), ...around(match.after)));
  }
}

/**
 * @param {string} kind
 * @param {string} line
 */
function drawn(kind, line) {
  const made = el("div", { class: kind });
  paint(made, line.split("\r").filter(Boolean).pop()?.slice(0, MOST_LINE) ?? "");
  return made;
}
