// The lines around what is on the screen: fetched in blocks by line number, kept in bounded memory.

import { bytesText, get, logPath } from "../api.js";

/** Lines of a block; a screen has some fifty. */
const BLOCK = 200;

/** What is kept: characters of text, and blocks. Beyond it the longest unused goes. */
const MOST_CHARACTERS = 8_000_000;
const MOST_BLOCKS = 60;

/** Bytes of a line that are fetched; the rest is for whoever asks to see all. */
const CUT_BYTES = 4096;

const TRY_AGAIN_MS = 1000;

/**
 * @typedef {import("../api.js").Lines} Lines
 * @typedef {{lines: string[], times: number[], cuts: Map<number, import("../api.js").Cut>, characters: number}} Block
 */

export class Pager {
  /**
   * @param {import("../api.js").Address} address
   * @param {(first: number, end: number) => void} arrived is told of lines that have come
   * @param {(error: unknown) => void} failed is told of what can be tried again
   */
  constructor(address, arrived, failed) {
    this.address = address;
    this.arrived = arrived;
    this.failed = failed;
    this.start = 0;
    this.end = 0;
    /** @type {{text: string, byte: number} | null} */
    this.unfinished = null;
    /** @type {Map<number, Block>} */
    this.blocks = new Map();
    this.characters = 0;
    this.wanted = [0, 0];
    /** @type {AbortController | null} */
    this.running = null;
    this.runningBlock = -1;
    this.closed = false;
    this.timed = false;
  }

  /**
   * Says whether it is to be known when lines arrived; those that are here are fetched anew then.
   * @param {boolean} timed
   */
  setTimed(timed) {
    if (timed === this.timed) return;
    this.timed = timed;
    if (!timed) return;
    this.running?.abort();
    this.blocks.clear();
    this.characters = 0;
    this.#next();
  }

  /**
   * Says which lines there are.
   * @param {number} start
   * @param {number} end
   */
  setRange(start, end) {
    this.start = start;
    this.end = end;
    this.#next();
  }

  /**
   * Says which lines are on the screen, or about to be.
   * @param {number} first
   * @param {number} end
   */
  want(first, end) {
    this.wanted = [first, end];
    if (this.runningBlock >= 0 && !this.#isWanted(this.runningBlock)) this.running?.abort();
    this.#next();
  }

  /**
   * Returns a line, or null when it is not here yet.
   * @param {number} line
   * @returns {import("./row.js").Line | null}
   */
  line(line) {
    if (line === this.end) {
      return this.unfinished && { text: this.unfinished.text, cut: null, unfinished: true, at: null };
    }
    const block = this.blocks.get(Math.floor(line / BLOCK));
    const text = block?.lines[line % BLOCK];
    return block && text !== undefined ? { text, cut: block.cuts.get(line) ?? null, unfinished: false, at: block.times[line % BLOCK] ?? null } : null;
  }

  /**
   * Fetches the unfinished last line as it is now, or forgets it.
   * @param {number} low
   * @param {number} high
   */
  async setUnfinished(low, high) {
    if (low >= high) {
      this.unfinished = null;
      return;
    }
    const from = Math.max(low, high - CUT_BYTES);
    const text = await bytesText(this.address, from, high);
    this.unfinished = { text, byte: from };
  }

  close() {
    this.closed = true;
    this.running?.abort();
  }

  /** @param {number} number */
  #isWanted(number) {
    return number >= Math.floor(this.wanted[0] / BLOCK) && number * BLOCK < this.wanted[1];
  }

  /**
   * The first line of a block that is not here, or null when all of it is.
   * @param {number} number
   */
  #missing(number) {
    const held = this.blocks.get(number)?.lines.length ?? 0;
    const line = Math.max(number * BLOCK + held, this.start);
    return line < Math.min((number + 1) * BLOCK, this.end) ? line : null;
  }

  /** Fetches the next part that is wanted and not here, one at a time: what is wanted changes faster than answers come. */
  #next() {
    if (this.running || this.closed) return;
    const [first, end] = this.wanted;
    for (let number = Math.floor(first / BLOCK); number * BLOCK < end; number += 1) {
      const block = this.blocks.get(number);
      if (block) {
        this.blocks.delete(number);
        this.blocks.set(number, block);
      }
      const line = this.#missing(number);
      if (line !== null) {
        void this.#fetch(number, line);
        return;
      }
    }
  }

  /**
   * @param {number} number
   * @param {number} line
   */
  async #fetch(number, line) {
    this.running = new AbortController();
    this.runningBlock = number;
    let wait = 0;
    try {
      const count = Math.min((number + 1) * BLOCK, this.end) - line;
      const path = `/api${logPath(this.address)}/lines`;
      /** @type {Lines} */
      const lines = await get(path, { start: line, count, cut: CUT_BYTES, times: this.timed ? "true" : null }, this.running.signal);
      if (lines.end_line > lines.start_line) this.#keep(number, lines);
      else wait = TRY_AGAIN_MS;
      this.arrived(lines.start_line, lines.end_line);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "AbortError")) {
        this.failed(error);
        wait = TRY_AGAIN_MS;
      }
    }
    this.running = null;
    this.runningBlock = -1;
    if (wait) setTimeout(() => this.#next(), wait);
    else this.#next();
  }

  /**
   * @param {number} number
   * @param {Lines} lines
   */
  #keep(number, lines) {
    const block = this.blocks.get(number) ?? { lines: [], times: [], cuts: new Map(), characters: 0 };
    const texts = lines.content.split("\n");
    // Where retention has moved the log's start into the block, holes stand for what is gone.
    let at = lines.start_line - number * BLOCK;
    for (let i = 0; i < lines.end_line - lines.start_line; i += 1, at += 1) {
      block.lines[at] = texts[i] ?? "";
      if (lines.times_ms) block.times[at] = lines.times_ms[i];
    }
    for (const cut of lines.cuts ?? []) block.cuts.set(cut.line, cut);
    block.characters += lines.content.length;
    this.characters += lines.content.length;
    this.blocks.delete(number);
    this.blocks.set(number, block);
    for (const [oldest, old] of this.blocks) {
      if (oldest === number || (this.blocks.size <= MOST_BLOCKS && this.characters <= MOST_CHARACTERS)) break;
      this.blocks.delete(oldest);
      this.characters -= old.characters;
    }
  }
}
