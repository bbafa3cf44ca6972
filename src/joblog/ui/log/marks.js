// Marking what was searched for, and what rules found, in the lines that are drawn.

import { t } from "../i18n.js";

/** @typedef {import("./searchbox.js").Question} Question */

const MARK = "found";

/** Matches that are marked in one line: more is a page of yellow. */
const MOST_MARKS = 200;

/**
 * Marks matches in rows, without touching what is in them.
 * @param {HTMLElement[]} rows
 * @param {Question | null} question
 * @param {number} hit the line that was gone to
 */
export function markRows(rows, question, hit) {
  for (const row of rows) {
    const line = Number(row.dataset.line);
    row.classList.toggle("hit", line <= hit && hit <= Number(row.dataset.last ?? line));
  }
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

/**
 * Marks rows at whose lines a rule fired, beside the number, which says what it was.
 * @param {HTMLElement[]} rows
 * @param {Map<number, string>} fired what fired, by line
 */
export function markFired(rows, fired) {
  for (const row of rows) {
    const first = Number(row.dataset.line);
    const last = Number(row.dataset.last ?? first);
    const said = first === last ? fired.get(first) : [...fired].filter(([line]) => first <= line && line <= last).map(([, each]) => each).join("\n");
    const number = /** @type {HTMLElement | null} */ (row.querySelector(".no"));
    if (!said || !number || row.dataset.fired === said) continue;
    row.classList.add("fired");
    row.dataset.fired = said;
    number.dataset.label ??= number.getAttribute("aria-label") ?? "";
    number.dataset.title ??= number.title;
    number.setAttribute("aria-label", `${number.dataset.label}, ${t("alertAt", said)}`);
    number.title = [t("alertAt", said), number.dataset.title].filter(Boolean).join("\n");
  }
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
