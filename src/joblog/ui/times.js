// How long ago something was, in the reader's language.

import { el, say } from "./dom.js";
import { duration, time } from "./format.js";
import { language } from "./i18n.js";

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
];

/**
 * @param {number} ms
 * @param {number} now
 */
export function ago(ms, now) {
  const past = Math.max(now - ms, 0);
  const [unit, length] = UNITS.find(([, each]) => past >= each) ?? UNITS[UNITS.length - 1];
  return new Intl.RelativeTimeFormat(language(), { style: "short" }).format(-Math.floor(past / length), unit);
}

/**
 * @param {number} ms
 * @param {number} now
 */
export function agoElement(ms, now) {
  return el("time", { title: time(ms), datetime: new Date(ms).toISOString(), "data-ms": ms }, ago(ms, now));
}

/**
 * Brings what `agoElement` and `tookElement` made up to date.
 * @param {Element} within
 * @param {number} now
 */
export function refreshTimes(within, now) {
  for (const each of within.querySelectorAll("time[data-ms]")) say(each, ago(Number(each.getAttribute("data-ms")), now));
  for (const each of within.querySelectorAll("[data-since]")) say(each, duration(now - Number(each.getAttribute("data-since"))));
}

/**
 * How long something took, or takes so far.
 * @param {number | null} started
 * @param {number | null} ended
 * @param {number} now
 */
export function tookElement(started, ended, now) {
  if (started === null) return "";
  return el("span", { "data-since": ended === null ? started : null }, duration((ended ?? now) - started));
}
