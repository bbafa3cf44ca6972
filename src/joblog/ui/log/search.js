// Searching the whole log, on the server; marking what was found in the lines that are drawn.

import { ApiError, call, get, logPath } from "../api.js";
import { number, size } from "../format.js";
import { t } from "../i18n.js";

/**
 * @typedef {import("./searchbox.js").Question} Question
 * @typedef {{line: number, start_byte: number, end_byte: number}} Hit
 * @typedef {"forward" | "backward"} Direction
 * @typedef {{where: () => number, found: (hit: Hit) => void, count: (text: string) => void, say: (text: string) => void}} Told
 * @typedef {{type: string, lines?: number, reason?: string, cursor?: string, searched_bytes?: number, error?: {message: string}}} Event
 */

const MARK = "found";

/** Matches that are marked in one line: more is a page of yellow. */
const MOST_MARKS = 200;

export class Search {
  /**
   * @param {import("../api.js").Address} address
   * @param {Told} told
   */
  constructor(address, told) {
    this.address = address;
    this.told = told;
    /** @type {Question | null} */
    this.question = null;
    /** @type {Hit | null} */
    this.hit = null;
    this.counting = new AbortController();
    this.going = new AbortController();
  }

  stop() {
    this.counting.abort();
    this.going.abort();
    this.question = null;
    this.hit = null;
  }

  /**
   * Begins with another question: counts, and goes to the first match from what is seen on.
   * @param {Question} question
   */
  async ask(question) {
    this.stop();
    this.question = question;
    this.counting = new AbortController();
    this.told.count(t("searching"));
    void this.#count(this.counting.signal);
    await this.go("forward");
  }

  /**
   * Goes to the next match, or the one before; from the other end when there is none.
   * @param {Direction} direction
   */
  async go(direction) {
    if (!this.question) return;
    this.going.abort();
    this.going = new AbortController();
    const { signal } = this.going;
    try {
      const from = await this.#from(direction, signal);
      let hit = await this.#find(direction, from, signal);
      if (!hit && from !== null) {
        hit = await this.#find(direction, null, signal);
        if (hit) this.told.say(t(direction === "forward" ? "fromTop" : "fromEnd"));
      }
      if (!hit) return;
      this.hit = hit;
      this.told.found(hit);
    } catch (error) {
      this.#failed(error);
    }
  }

  /**
   * @param {Direction} direction
   * @param {AbortSignal} signal
   * @returns {Promise<number | null>} the byte position to search from
   */
  async #from(direction, signal) {
    if (this.hit) return direction === "forward" ? this.hit.end_byte + 1 : this.hit.start_byte;
    /** @type {import("../api.js").Lines} */
    const top = await get(`/api${logPath(this.address)}/lines`, { start: this.told.where(), count: 1, cut: 1 }, signal);
    return top.start_byte;
  }

  /**
   * @param {Direction} direction
   * @param {number | null} from
   * @param {AbortSignal} signal
   * @returns {Promise<Hit | null>}
   */
  async #find(direction, from, signal) {
    /** @type {Record<string, string | number | null>} */
    let more = { direction, from, limit: 1 };
    for (;;) {
      const events = await this.#events(more, signal);
      const hit = events.find((event) => event.type === "match");
      if (hit) return /** @type {Hit} */ (/** @type {unknown} */ (hit));
      const end = events[events.length - 1];
      if (end?.type !== "end" || end.reason !== "deadline" || !end.cursor) return null;
      more = { ...more, cursor: end.cursor };
    }
  }

  /** @param {AbortSignal} signal */
  async #count(signal) {
    let lines = 0;
    let searched = 0;
    /** @type {Record<string, string | number | null>} */
    let more = { count: "true" };
    try {
      for (;;) {
        const events = await this.#events(more, signal);
        for (const event of events) lines += event.type === "count" ? (event.lines ?? 0) : 0;
        const end = events[events.length - 1];
        searched += end?.searched_bytes ?? 0;
        const shown = lines === 1 ? t("matchOne") : lines ? t("matches", number(lines)) : t("noMatches");
        if (end?.type !== "end" || end.reason !== "deadline" || !end.cursor) {
          this.told.count(shown);
          return;
        }
        this.told.count(`${shown} · ${t("searched", size(searched))}`);
        more = { ...more, cursor: end.cursor };
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  /**
   * Asks once; the answer is lines of JSON.
   * @param {Record<string, string | number | null>} more
   * @param {AbortSignal} signal
   * @returns {Promise<Event[]>}
   */
  async #events(more, signal) {
    const question = this.question;
    if (!question) return [];
    const query = new URLSearchParams({ pattern: question.pattern, kind: question.regex ? "regex" : "literal" });
    query.set("ignore_case", String(!question.matchCase));
    for (const [name, value] of Object.entries(more)) if (value !== null) query.set(name, String(value));
    const answer = await call(`/api${logPath(this.address)}/search?${query}`, { signal });
    /** @type {Event[]} */
    const events = (await answer.text()).split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
    const failure = events.find((event) => event.type === "error");
    if (failure) throw new ApiError(500, "", failure.error?.message ?? "");
    return events;
  }

  /** @param {unknown} error */
  #failed(error) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    this.told.count("");
    this.told.say(t("failed", error instanceof Error ? error.message : ""));
  }
}

/**
 * Marks matches in rows, without touching what is in them.
 * @param {HTMLElement[]} rows
 * @param {Question | null} question
 * @param {number} hit the line that was gone to
 */
export function markRows(rows, question, hit) {
  for (const row of rows) row.classList.toggle("hit", Number(row.dataset.line) === hit);
  const marks = "highlights" in CSS && question ? /** @type {any} */ (CSS).highlights : null;
  const pattern = question && expression(question);
  if (!marks) return;
  if (!pattern) {
    marks.delete(MARK);
    return;
  }
  const ranges = rows.flatMap((row) => rangesIn(row.querySelector(".text"), pattern));
  // @ts-expect-error tsc's library of the DOM is older than Highlight
  marks.set(MARK, new Highlight(...ranges));
}

/** Takes all marks away. */
export function clearMarks() {
  if ("highlights" in CSS) /** @type {any} */ (CSS).highlights.delete(MARK);
}

/**
 * What is to be marked; null for a regular expression: RE2 takes linear time for it, a browser as long as it likes.
 * @param {Question} question
 */
function expression({ pattern, regex, matchCase }) {
  if (regex) return null;
  return new RegExp(pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), matchCase ? "g" : "gi");
}

/**
 * @param {Element | null} text
 * @param {RegExp} pattern
 * @returns {Range[]}
 */
function rangesIn(text, pattern) {
  if (!text) return [];
  const nodes = [];
  let whole = "";
  const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement?.closest("button")) continue;
    nodes.push({ node, start: whole.length });
    whole += node.textContent ?? "";
  }
  const ranges = [];
  for (const match of whole.matchAll(pattern)) {
    if (!match[0] || ranges.length >= MOST_MARKS) continue;
    const from = match.index ?? 0;
    const range = document.createRange();
    const first = nodes.filter((each) => each.start <= from).pop();
    const last = nodes.filter((each) => each.start < from + match[0].length).pop();
    if (!first || !last) continue;
    range.setStart(first.node, from - first.start);
    range.setEnd(last.node, from + match[0].length - last.start);
    ranges.push(range);
  }
  return ranges;
}
