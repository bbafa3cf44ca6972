// Selected lines: in the address as #L120 or #L120-L140, to copy, to send to somebody.

import { bytesText, get, logPath } from "../api.js";

/** Copying more lines than this is better done by downloading. */
export const MOST_COPIED = 10_000;

const HASH = /^#L(\d{1,15})(?:-L?(\d{1,15}))?$/;

/** @typedef {{first: number, last: number}} Lines both are selected */

export class Selection {
  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed;
    /** @type {Lines | null} */
    this.lines = fromHash(location.hash);
    this.origin = this.lines?.first ?? 0;
  }

  /** @param {number} line */
  has(line) {
    return this.lines !== null && line >= this.lines.first && line <= this.lines.last;
  }

  /**
   * Whether one of several lines is selected.
   * @param {number} first
   * @param {number} last
   */
  touches(first, last) {
    return this.lines !== null && last >= this.lines.first && first <= this.lines.last;
  }

  /**
   * Selects a line, or several that are shown as one; with extend all from the one selected before.
   * @param {number} line
   * @param {boolean} extend
   * @param {number} [until]
   */
  select(line, extend, until = line) {
    const same = !extend && this.lines?.first === line && this.lines.last === until;
    if (!extend || !this.lines) this.origin = line;
    this.#set(same ? null : { first: Math.min(this.origin, line), last: Math.max(this.origin, until) });
  }

  clear() {
    this.#set(null);
  }

  /** Takes the lines of an address that was changed by hand or by going back. */
  readHash() {
    this.lines = fromHash(location.hash);
    this.origin = this.lines?.first ?? 0;
    this.changed();
  }

  /** @param {Lines | null} lines */
  #set(lines) {
    this.lines = lines;
    history.replaceState(history.state, "", location.pathname + location.search + hashOf(lines));
    this.changed();
  }
}

/**
 * @param {string} hash
 * @returns {Lines | null}
 */
export function fromHash(hash) {
  const match = HASH.exec(hash);
  if (!match) return null;
  const [a, b] = [Number(match[1]), Number(match[2] ?? match[1])];
  return { first: Math.min(a, b), last: Math.max(a, b) };
}

/** @param {Lines | null} lines */
export function hashOf(lines) {
  if (!lines) return "";
  return lines.first === lines.last ? `#L${lines.first}` : `#L${lines.first}-L${lines.last}`;
}

/**
 * Returns the text of lines, whole ones.
 * @param {import("../api.js").Address} address
 * @param {Lines} lines
 */
export async function textOf(address, lines) {
  const [low, high] = await bytesOf(address, lines);
  return bytesText(address, low, high);
}

/**
 * Which bytes lines are.
 * @param {import("../api.js").Address} address
 * @param {Lines} lines
 * @returns {Promise<[number, number]>}
 */
async function bytesOf(address, { first, last }) {
  const path = `/api${logPath(address)}/lines`;
  /** @type {import("../api.js").Lines[]} */
  const ends = await Promise.all([first, last].map((line) => get(path, { start: line, count: 1, cut: 1 })));
  return [ends[0].start_byte, ends[1].end_byte];
}

/**
 * Puts text into the clipboard, also where the page came without TLS and browsers offer only the old way.
 * @param {string} text
 */
export async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
