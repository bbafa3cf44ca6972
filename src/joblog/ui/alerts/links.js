// Where an alert leads, and what it says of itself: at its line, in a run's card, in a row of the list of jobs.

import { logPath, versionPath } from "../api.js";
import { el } from "../dom.js";
import { number } from "../format.js";
import { t } from "../i18n.js";

/** @typedef {import("./news.js").Alert} Alert */

const SVG = "http://www.w3.org/2000/svg";
const BELL = "M8 1.5a4 4 0 0 0-4 4v3L2.5 11v1h11v-1L12 8.5v-3a4 4 0 0 0-4-4zM6.3 13a1.8 1.8 0 0 0 3.4 0z";

/** A bell that has the colour of the text beside it. */
export function bell() {
  const drawn = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", BELL);
  for (const [name, value] of [["viewBox", "0 0 16 16"], ["class", "bell-mark"], ["aria-hidden", "true"]]) drawn.setAttribute(name, value);
  drawn.append(path);
  return drawn;
}

/**
 * A run's name: `#2`.
 * @param {Alert} alert
 */
export function runOf({ run }) {
  return `#${Number(run.slice(1))}`;
}

/**
 * @param {string} project
 * @param {Alert} alert
 */
export function runLink(project, { job_id: job, version_id: version }) {
  return versionPath({ project, job, version });
}

/**
 * Where the line is that fired; null for an alert that is about none.
 * @param {string} project
 * @param {Alert} alert
 */
export function lineLink(project, { job_id: job, version_id: version, task, line }) {
  return task === null || line === null ? null : `${logPath({ project, job, version, task })}#L${line}`;
}

/**
 * That rules have found something in a run: how much, and in words the newest of it.
 * @param {number} count
 * @param {string | null} newest
 */
export function firedMark(count, newest) {
  const text = t(count === 1 ? "alertOne" : "alertsCount", number(count)) + (newest ? `: ${newest.slice(0, 300)}` : "");
  return el("span", { class: "fired-mark", role: "img", "aria-label": text, title: text }, bell(), number(count));
}
