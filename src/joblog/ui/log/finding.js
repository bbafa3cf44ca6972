// All about finding in a log: the search, its list, its marks in the rows and on the map.

import { t } from "../i18n.js";
import { LogMap } from "./map.js";
import { clearMarks, markFired, markRows } from "./marks.js";
import { Results } from "./results.js";
import { Search } from "./search.js";
import { ERROR } from "./severity.js";
import { reasonWords } from "./verdicts.js";

/**
 * @typedef {import("./searchbox.js").Question} Question
 * @typedef {{where: () => number, jump: (line: number) => void, rows: () => HTMLElement[], count: (text: string) => void, say: (text: string) => void}} Page
 */

export class Finding {
  /**
   * @param {import("../api.js").Address} address
   * @param {Page} page what it finds in
   */
  constructor(address, page) {
    this.page = page;
    this.task = address.task;
    /** What rules found in this log, by line. @type {Map<number, string>} */
    this.fired = new Map();
    this.hit = -1;
    this.search = new Search(address, { ...page, found: (hit) => this.#show(hit.line) });
    /** Goes from an error to the next; it counts none, and marks none. */
    this.errors = new Search(address, { ...page, found: (hit) => this.#show(hit.line), none: () => page.say(t("noErrors")) });
    this.results = new Results(address, (line) => this.#show(line));
    this.map = new LogMap(address, page.jump);
  }

  close() {
    this.search.stop();
    this.errors.stop();
    this.results.hide();
    this.map.close();
    clearMarks();
  }

  /** @param {Question} question */
  ask(question) {
    void this.search.ask(question);
    void this.map.showMatches(question);
    if (this.results.open) void this.results.show(question);
  }

  /** @param {"forward" | "backward"} direction */
  go(direction) {
    void this.search.go(direction);
  }

  /** @param {"forward" | "backward"} direction */
  error(direction) {
    const hit = this.errors.hit;
    const seen = hit && this.page.rows().some((row) => Number(row.dataset.line) <= hit.line && hit.line <= Number(row.dataset.last ?? row.dataset.line));
    if (!seen) this.errors.hit = null;
    this.errors.question = { pattern: ERROR, regex: true, matchCase: true };
    void this.errors.go(direction);
  }

  /** Shows what was found as a list, or hides that. */
  list() {
    if (this.results.open) this.results.hide();
    else if (this.search.question) void this.results.show(this.search.question);
  }

  end() {
    this.search.stop();
    this.results.hide();
    void this.map.showMatches(null);
    this.hit = -1;
    clearMarks();
    markRows(this.page.rows(), null, -1);
  }

  /**
   * Marks the lines at which rules fired.
   * @param {import("../alerts/news.js").Alert[]} alerts of the run, the newest first
   */
  showFired(alerts) {
    this.fired = new Map();
    for (const { task, line, rule, reason } of alerts) {
      if (task !== this.task || line === null) continue;
      const before = this.fired.get(line);
      this.fired.set(line, (before ? `${before}\n` : "") + `${rule}: ${reasonWords(reason)}`);
    }
    this.map.showFired(this.fired);
    this.mark();
  }

  /** Marks what was searched for, and what rules found, in the rows that are drawn. */
  mark() {
    if (this.fired.size) markFired(this.page.rows(), this.fired);
    if (this.search.question || this.hit >= 0) markRows(this.page.rows(), this.search.question, this.hit);
  }

  /** @param {number} line */
  #show(line) {
    this.hit = line;
    this.page.jump(line);
    this.mark();
  }
}
