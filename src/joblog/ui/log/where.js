// Where somebody wants to go in a log, as typed or as an address says it.

import { get, logPath } from "../api.js";
import { t } from "../i18n.js";

const BYTES = /^#B(\d{1,19})(?:-B?\d{1,19})?$/;

/**
 * A line; exact is one that was named by its number.
 * @typedef {{line: number, exact: boolean}} Goal
 */

/**
 * Reads a line, a share of the lines, or lines from the end; null for what is none of them.
 * @param {string} text
 * @param {number} start the log's first line
 * @param {number} end the line after its last
 * @returns {Goal | null}
 */
export function goalOf(text, start, end) {
  const match = /^(-?)L?(\d{1,15}(?:\.\d+)?)\s*(%?)$/i.exec(text);
  if (!match) return null;
  const value = Number(match[2]);
  if (match[3] && (value > 100 || match[1])) return null;
  if (match[3]) return { line: Math.round(start + ((end - 1 - start) * value) / 100), exact: false };
  if (match[1]) return { line: end - value, exact: false };
  return { line: Math.min(Math.max(Math.floor(value), start), end - 1), exact: true };
}

/** @param {string} text */
export function isMoment(text) {
  return /^\d{1,6}[smhd]$|^\d{4}-\d\d-\d\d/.test(text);
}

/**
 * Finds the first line that arrived at a moment or later.
 * @param {import("../api.js").Address} address
 * @param {string} moment as the API takes it; a time without a zone is the reader's
 * @returns {Promise<number>}
 */
export async function lineAtMoment(address, moment) {
  const at = /^\d{4}/.test(moment) ? Date.parse(moment.replace(" ", "T")) : moment;
  if (Number.isNaN(at)) throw new Error(t("jumpBad"));
  /** @type {import("../api.js").Lines} */
  const lines = await get(`/api${logPath(address)}/lines`, { since: at, count: 1, cut: 1 });
  return lines.start_line;
}

/**
 * Finds the line that an address names by a byte of it, as #B4096; null where it names none.
 * @param {import("../api.js").Address} address
 * @param {string} hash
 * @returns {Promise<number | null>}
 */
export async function lineOfHash(address, hash) {
  const match = BYTES.exec(hash);
  if (!match) return null;
  /** @type {import("../api.js").Lines} */
  const lines = await get(`/api${logPath(address)}/lines`, { byte: match[1], count: 1, cut: 1 });
  return lines.start_line;
}
