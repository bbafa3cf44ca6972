// What a terminal would show of a log, around what is on the screen: pages of the server's terminal view, in bounded memory.
//
// How many lines a terminal would show of all of a log nobody knows without reading it. So lines are numbered from wherever
// the reader went: from 0 on, and backwards from -1. Forwards, pages go on where the one before ended, and show exactly what
// one terminal shows that never stopped. To show what stands above, a terminal is switched on some lines further up.

import { get, logPath } from "../api.js";

/** Lines of a page, about. */
const PAGE = 200;

/** A terminal that is to show a line is switched on so many raw lines before: programs move its cursor over a screen at most. */
const CONTEXT = 120;

/** Lines that are kept; beyond it those go that are farthest from what is seen. */
const MOST = 3000;

/** Lines nearer than this to an end of what is here make more be fetched. */
const NEAR = 250;

/** Where many raw lines became few, so many more are read for what stands above, at most. */
const MOST_BACK = 6400;

/** A line that was drawn over for long may be many pages long; for what stands around it so many are read. */
const MOST_PAGES = 8;

const TRY_AGAIN_MS = 1000;

/**
 * @typedef {{text: string, start_byte: number, end_byte: number, start_line: number, end_line: number, frames: number,
 *   cut: boolean, spans: [number, number, string][], at?: number}} ShownLine
 * @typedef {{lines: ShownLine[], settled: number, start_byte: number, end_byte: number, next: string, cut: boolean, times_ms: number[]}} ShownPage
 * @typedef {{count: number, cursor: string | null}} Piece lines that were fetched together, and what goes on behind them
 */

export class Shown {
  /**
   * @param {import("../api.js").Address} address
   * @param {(from: number, end: number) => void} changed is told which lines are there now, or others than before
   * @param {(error: unknown) => void} failed is told of what is tried again
   * @param {boolean} timed whether it is to be known when lines arrived
   */
  constructor(address, changed, failed, timed) {
    this.address = address;
    this.changed = changed;
    this.failed = failed;
    this.timed = timed;
    /** @type {import("../api.js").Log | null} */
    this.log = null;
    /** @type {ShownLine[]} */
    this.lines = [];
    /** @type {Piece[]} */
    this.pieces = [];
    this.first = 0;
    this.unsettled = 0;
    this.atEnd = false;
    this.back = PAGE;
    this.topReached = false;
    this.wanted = [0, 0];
    this.calls = new AbortController();
    this.busy = false;
    this.timer = 0;
    this.restUntil = 0;
    this.closed = false;
  }

  /** The number behind the last line's. */
  get end() {
    return this.first + this.lines.length;
  }

  close() {
    this.closed = true;
    this.calls.abort();
    clearTimeout(this.timer);
  }

  /** @param {number} number */
  line(number) {
    return this.lines[number - this.first] ?? null;
  }

  /**
   * Takes in how the log is now.
   * @param {import("../api.js").Log} log
   */
  setLog(log) {
    const grown = this.log !== null && (log.end_byte !== this.log.end_byte || log.closed !== this.log.closed);
    this.log = log;
    if (grown) this.atEnd = false;
    this.#next();
  }

  /**
   * Says which lines are on the screen, or about to be.
   * @param {number} first
   * @param {number} end
   */
  want(first, end) {
    this.wanted = [first, end];
    this.#next();
  }

  /**
   * The line that shows a raw line, if it is here.
   * @param {number} raw
   */
  numberOf(raw) {
    let low = 0;
    let high = this.lines.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.lines[middle].start_line <= raw) low = middle;
      else high = middle - 1;
    }
    const found = this.lines[low];
    if (!found || raw < found.start_line) return null;
    return raw < found.end_line || low < this.lines.length - 1 ? this.first + low : null;
  }

  /**
   * Forgets what is here and fetches a raw line and what stands around it; null: the end of the log.
   * @param {number | null} raw
   * @returns {Promise<boolean>} false when somebody wanted something else meanwhile
   */
  async open(raw) {
    this.calls.abort();
    const calls = (this.calls = new AbortController());
    clearTimeout(this.timer);
    this.busy = true;
    try {
      const from = raw === null ? -(PAGE + CONTEXT) : Math.max(raw - CONTEXT - NEAR, this.log?.start_line ?? 0);
      const there = (/** @type {ShownPage} */ page) =>
        this.#isEnd(page) || (raw !== null && (page.lines[page.lines.length - 1]?.end_line ?? 0) > raw);
      let { lines, page } = await this.#pages({ start: from }, there, calls.signal);
      if (!there(page)) ({ lines, page } = await this.#pages({ start: raw ?? -1 }, there, calls.signal));
      this.first = 0;
      this.back = PAGE;
      this.topReached = false;
      const whole = (lines[0]?.start_byte ?? 0) <= (this.log?.start_byte ?? 0);
      this.lines = lines.slice(whole ? 0 : contextOf(lines, CONTEXT, raw ?? Infinity));
      this.pieces = [{ count: this.lines.length, cursor: page.next }];
      this.#took(page);
      this.wanted = [0, 0];
      this.changed(this.first, this.end);
      return true;
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return false;
      throw error;
    } finally {
      if (calls === this.calls) this.busy = false;
    }
  }

  /** Fetches what is wanted and not here, one thing at a time. */
  #next() {
    if (this.busy || this.closed || !this.log || !this.pieces.length) return;
    const now = Date.now();
    if (now < this.restUntil) {
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.#next(), this.restUntil - now);
      return;
    }
    const [first, end] = this.wanted;
    if (!this.atEnd && end + NEAR > this.end) void this.#fetch((signal) => this.#below(signal));
    else if (!this.topReached && first - NEAR < this.first) void this.#fetch((signal) => this.#above(signal));
  }

  /** @param {(signal: AbortSignal) => Promise<void>} part */
  async #fetch(part) {
    const calls = this.calls;
    const begun = Date.now();
    this.busy = true;
    let wait = 0;
    try {
      await part(calls.signal);
      // What still changes is fetched again and again: the server has other things to do as well.
      if (this.unsettled) wait = Math.max(3 * (Date.now() - begun), 250);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
      this.failed(error);
      wait = TRY_AGAIN_MS;
    } finally {
      if (calls === this.calls) this.busy = false;
    }
    this.restUntil = Date.now() + wait;
    this.#next();
  }

  /** @param {AbortSignal} signal */
  async #below(signal) {
    const last = this.pieces[this.pieces.length - 1];
    const behind = this.lines[this.lines.length - 1];
    const page = await this.#page(last.cursor !== null ? { cursor: last.cursor } : { start: behind.end_line }, signal);
    if (last.cursor === null) {
      const again = page.lines.filter((line) => line.start_byte < behind.end_byte).length;
      page.lines.splice(0, again);
      page.settled = Math.max(page.settled - again, 0);
    }
    const from = this.end - this.unsettled;
    const old = this.lines.splice(this.lines.length - this.unsettled);
    last.count -= old.length;
    this.lines.push(...page.lines);
    this.pieces.push({ count: page.lines.length, cursor: page.next });
    this.#took(page);
    if (page.next === last.cursor) this.atEnd = true;
    this.#dropAbove();
    this.changed(from, this.end);
  }

  /** @param {AbortSignal} signal */
  async #above(signal) {
    const border = this.lines[0];
    const low = this.log?.start_line ?? 0;
    if (!border || border.start_byte <= (this.log?.start_byte ?? 0) || border.start_line <= low) {
      this.topReached = true;
      return;
    }
    const from = Math.max(border.start_line - this.back - CONTEXT, low);
    const there = (/** @type {ShownPage} */ page) => page.end_byte >= border.start_byte || this.#isEnd(page);
    const { lines, page } = await this.#pages({ start: from, count: this.back + CONTEXT }, there, signal);
    if (!there(page)) {
      this.topReached = true;
      return;
    }
    const before = lines.filter((line) => line.start_byte < border.start_byte);
    const taken = before.slice(from === low ? 0 : contextOf(before, CONTEXT, border.start_line - 1));
    if (!taken.length) this.topReached = true;
    this.back = taken.length < PAGE / 4 ? Math.min(this.back * 2, MOST_BACK) : PAGE;
    this.lines.unshift(...taken);
    this.pieces.unshift({ count: taken.length, cursor: null });
    this.first -= taken.length;
    this.#dropBelow();
    this.changed(this.first, this.first + taken.length);
  }

  /** Lets go of lines far above what is seen. */
  #dropAbove() {
    while (this.lines.length > MOST && this.pieces.length > 1 && this.first + this.pieces[0].count < this.wanted[0] - NEAR) {
      const [gone] = this.pieces.splice(0, 1);
      this.lines.splice(0, gone.count);
      this.first += gone.count;
      this.topReached = false;
    }
  }

  /** Lets go of lines far below what is seen. */
  #dropBelow() {
    for (let last; (last = this.pieces[this.pieces.length - 1]); ) {
      if (this.lines.length <= MOST || this.pieces.length < 2 || this.end - last.count < this.wanted[1] + NEAR) return;
      this.pieces.pop();
      this.lines.length -= last.count;
      this.unsettled = 0;
      this.atEnd = false;
    }
  }

  /** @param {ShownPage} page */
  #took(page) {
    this.unsettled = page.lines.length - page.settled;
    this.atEnd = this.#isEnd(page);
  }

  /** @param {ShownPage} page */
  #isEnd(page) {
    return page.end_byte >= (this.log?.end_byte ?? 0);
  }

  /**
   * Reads on, page after page, until one is the last that is needed, or there were too many.
   * @param {Record<string, string | number>} asked
   * @param {(page: ShownPage) => boolean} there
   * @param {AbortSignal} signal
   */
  async #pages(asked, there, signal) {
    let page = await this.#page(asked, signal);
    const lines = [...page.lines];
    for (let pages = 1; !there(page) && pages < MOST_PAGES; pages += 1) {
      const { next } = page;
      page = await this.#page({ cursor: next }, signal);
      lines.push(...page.lines);
      if (page.next === next) break;
    }
    return { lines, page };
  }

  /**
   * @param {Record<string, string | number>} asked
   * @param {AbortSignal} signal
   * @returns {Promise<ShownPage>}
   */
  async #page(asked, signal) {
    const query = { count: PAGE, colours: "keep", times: this.timed ? "true" : null, ...asked };
    /** @type {ShownPage} */
    const page = await get(`/api${logPath(this.address)}/terminal`, query, signal);
    page.times_ms.forEach((at, i) => (page.lines[i].at = at));
    return page;
  }
}

/**
 * How many of the first lines are there for what stands below only: the terminal was switched on just before them, and may
 * show them otherwise than one that had seen what stands above. What shows a raw line that is wanted is kept in any case.
 * @param {ShownLine[]} lines
 * @param {number} context
 * @param {number} wanted
 */
function contextOf(lines, context, wanted) {
  const from = (lines[0]?.start_line ?? 0) + context;
  const skip = lines.findIndex((line) => line.start_line >= from || line.end_line > wanted);
  return skip < 0 ? 0 : skip;
}
