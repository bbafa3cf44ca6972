// A line's text as elements: spans with classes and text nodes, never markup.

import { el } from "../dom.js";
import { isPlain, parts } from "./ansi.js";

/**
 * Puts a line's text, with its colours, into an element.
 * @param {HTMLElement} element
 * @param {string} line
 */
export function paint(element, line) {
  if (isPlain(line)) {
    element.textContent = line;
    return;
  }
  for (const part of parts(line)) {
    if (part.odd) element.append(el("span", { class: "odd" }, part.text));
    else if (!part.style) element.append(part.text);
    else element.append(styledSpan(part.text, part.style));
  }
}

/**
 * @param {string} text
 * @param {import("./ansi.js").Style} style
 */
function styledSpan(text, style) {
  const span = el("span", {}, text);
  const { fg, bg } = style.inverse ? { fg: style.bg ?? "page", bg: style.fg ?? "text" } : style;
  colour(span, "fg", fg);
  colour(span, "bg", bg);
  for (const name of /** @type {const} */ (["bold", "dim", "italic", "underline", "strike"])) {
    if (style[name]) span.classList.add(name);
  }
  return span;
}

/**
 * The sixteen colours, and those of the page, are the stylesheet's; the others are set as they are.
 * @param {HTMLElement} span
 * @param {"fg" | "bg"} which
 * @param {number | string | null} value
 */
function colour(span, which, value) {
  if (value === null) return;
  if (typeof value === "number" || value === "page" || value === "text") span.classList.add(`${which}-${value}`);
  else if (which === "fg") span.style.color = value;
  else span.style.backgroundColor = value;
}

/**
 * What a terminal would have left on the screen of a line that overwrote itself, and how often it did.
 * @param {string} line
 * @returns {{last: string, frames: string[]}}
 */
export function folded(line) {
  const frames = line.split("\r").filter((frame) => frame !== "");
  return { last: frames[frames.length - 1] ?? "", frames };
}
