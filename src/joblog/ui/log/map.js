// Where in the log errors and warnings are, what rules found, and what was searched for: marks beside the scroll bar.

import { logPath } from "../api.js";
import { el } from "../dom.js";
import { number, size } from "../format.js";
import { t } from "../i18n.js";
import { searchEvents } from "./results.js";
import { EITHER, severity } from "./severity.js";

/** Marks of one kind: more would be a bar of one colour. The newest are shown. */
const MOST = 500;

/** How long the server may look for errors, in seconds: of a log that is longer than that the end is looked at. */
const LOOK_S = 2;

/** The lines come first. */
const WAIT_MS = 700;

/** A log that grows is looked at again after so long. */
const AGAIN_MS = 2000;

/**
 * @typedef {import("./searchbox.js").Question} Question
 * @typedef {{line: number, kind: "error" | "warning" | "match" | "alert", text: string}} Mark
 */

export class LogMap {
  /**
   * @param {import("../api.js").Address} address
   * @param {(line: number) => void} chosen is told the line of a mark that was clicked
   */
  constructor(address, chosen) {
    this.path = logPath(address);
    this.chosen = chosen;
    this.element = el("div", { class: "map", role: "group", "aria-label": t("map") });
    /** @type {Mark[]} */
    this.told = [];
    /** @type {Mark[]} */
    this.matches = [];
    /** @type {Mark[]} */
    this.fired = [];
    this.start = 0;
    this.end = 0;
    this.endByte = 0;
    this.lookedTo = -1;
    this.timer = 0;
    this.looking = new AbortController();
    this.matching = new AbortController();
  }

  close() {
    clearTimeout(this.timer);
    this.looking.abort();
    this.matching.abort();
  }

  /**
   * Takes in how long the log is now.
   * @param {import("../api.js").Log} log
   */
  showLog(log) {
    const grown = log.end_byte !== this.endByte;
    const lines = log.end_line + (log.partial_byte < log.end_byte ? 1 : 0);
    const moved = lines !== this.end || log.start_line !== this.start;
    [this.start, this.end, this.endByte] = [log.start_line, lines, log.end_byte];
    if (moved) this.#draw();
    if (grown && !this.timer) this.timer = window.setTimeout(() => void this.#look(), this.lookedTo < 0 ? WAIT_MS : AGAIN_MS);
  }

  /** Looks for errors and warnings: backwards from the end at first, then through what has come since. */
  async #look() {
    const { signal } = this.looking;
    const to = this.endByte;
    const first = this.lookedTo < 0;
    /** @type {Record<string, string | number | null>} */
    const where = first ? { direction: "backward" } : { from: this.lookedTo };
    try {
      const question = { pattern: EITHER, regex: true, matchCase: true };
      const events = await searchEvents(this.path, question, { ...where, limit: MOST, timeout_s: LOOK_S }, signal);
      const end = events[events.length - 1];
      const found = events.filter(({ type }) => type === "match").map(({ line, text }) => ({ line, kind: severity(text.text) ?? "warning", text: text.text }));
      const known = new Map([...this.told, ...found].map((mark) => [mark.line, mark]));
      this.told = [...known.values()].sort((a, b) => a.line - b.line).slice(-MOST);
      this.lookedTo = to;
      if (first && end && end.reason !== "done") this.element.title = t("mapPart", size(end.searched_bytes ?? 0));
      this.#draw();
    } catch {
      if (signal.aborted) return; // the map is a help; the lines say when the server is away
    }
    this.timer = 0;
    if (this.lookedTo !== this.endByte) this.timer = window.setTimeout(() => void this.#look(), AGAIN_MS);
  }

  /**
   * Marks where lines are that match; null: none.
   * @param {Question | null} question
   */
  async showMatches(question) {
    this.matching.abort();
    this.matching = new AbortController();
    const { signal } = this.matching;
    this.matches = [];
    this.#draw();
    if (!question) return;
    try {
      const events = await searchEvents(this.path, question, { limit: MOST, direction: "backward" }, signal);
      const found = events.filter(({ type }) => type === "match");
      this.matches = found.map(({ line, text }) => ({ line, kind: /** @type {const} */ ("match"), text: text.text }));
      this.#draw();
    } catch {
      // the search says what is wrong with it
    }
  }

  /**
   * Marks where rules fired.
   * @param {Map<number, string>} fired what fired, by line
   */
  showFired(fired) {
    this.fired = [...fired].map(([line, text]) => ({ line, kind: /** @type {const} */ ("alert"), text }));
    this.#draw();
  }

  #draw() {
    const many = Math.max(this.end - this.start, 1);
    const marks = [...this.told, ...this.matches, ...this.fired].filter(({ line }) => line >= this.start && line < this.end);
    const drawn = marks.map(({ line, kind, text }) => {
      const title = `${t("atLine", number(line))}: ${text.slice(0, 200)}`;
      const mark = el("button", { type: "button", class: `mark-at ${kind}`, tabindex: "-1", title, "data-at": line, click: () => this.chosen(line) });
      mark.style.top = `${((line - this.start) / many) * 100}%`;
      return mark;
    });
    this.element.replaceChildren(...drawn);
    this.element.hidden = !marks.length;
  }
}
