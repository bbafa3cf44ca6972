// One line of a log on the screen.

import { el } from "../dom.js";
import { number, size, time } from "../format.js";
import { t } from "../i18n.js";
import { severity } from "./severity.js";
import { linkAddresses } from "./addresses.js";
import { folded, paint } from "./text.js";

/**
 * @typedef {{text: string, cut: import("../api.js").Cut | null, unfinished: boolean, at: number | null}} Line
 * @typedef {{unfold: (line: number) => void, isUnfolded: (line: number) => boolean,
 *   showAll: (cut: import("../api.js").Cut) => void}} Actions
 */

/**
 * Makes the element of a line; null is one that is not here yet.
 * @param {number} line
 * @param {Line | null} content
 * @param {Actions} actions
 * @returns {HTMLElement}
 */
export function row(line, content, actions) {
  const where = el("a", { class: "no", href: `#L${line}`, tabindex: "-1", "aria-label": t("atLine", line) }, String(line));
  const text = el("span", { class: "text" });
  const made = el("div", { class: "row", role: "listitem", "data-line": line, "aria-posinset": line + 1 }, where, arrival(content?.at), text);
  if (!content) {
    made.classList.add("absent");
    return made;
  }
  if (content.unfinished) {
    made.classList.add("unfinished");
    where.title = t("unfinished");
  }
  const tells = severity(content.text);
  if (tells) made.classList.add(tells);
  draw(text, line, content, actions);
  return made;
}

/**
 * The time at which a line arrived, as far as it is known.
 * @param {number | null} [at]
 */
export function arrival(at) {
  return at ? el("time", { class: "at", title: time(at) }, time(at).slice(11)) : el("time", { class: "at" });
}

/**
 * @param {HTMLElement} text
 * @param {number} line
 * @param {Line} content
 * @param {Actions} actions
 */
function draw(text, line, content, actions) {
  const { last, frames } = content.text.includes("\r") ? folded(content.text) : { last: content.text, frames: [] };
  const open = frames.length > 1 && actions.isUnfolded(line);
  if (open) {
    for (const frame of frames) {
      const drawn = el("span", { class: "frame" });
      paint(drawn, frame);
      text.append(drawn);
    }
  } else {
    paint(text, last);
  }
  linkAddresses(text);
  if (frames.length > 1) {
    const label = open ? t("framesFold") : t("frames", number(frames.length - 1));
    text.append(small(label, () => actions.unfold(line)));
  }
  const cut = content.cut;
  if (cut) {
    const bytes = cut.end_byte - cut.start_byte;
    text.append(small(t("cutLine", size(bytes)), () => actions.showAll(cut)));
  }
}

/**
 * A button within a line.
 * @param {string} label
 * @param {() => void} act
 */
export function small(label, act) {
  return el("button", { type: "button", class: "small", click: act }, label);
}
