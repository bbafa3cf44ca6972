// How the lines of several ranks are drawn: one below the other with their ranks, or those of two beside each other.

import { bytesLink } from "../api.js";
import { el } from "../dom.js";
import { time } from "../format.js";
import { t } from "../i18n.js";
import { linkAddresses } from "../log/addresses.js";
import { members } from "../log/members.js";
import { severity } from "../log/severity.js";
import { paint } from "../log/text.js";
import { grouped, range, ranksText } from "./alike.js";

/** From so many ranks on, a line that one of them alone says is an odd one. */
const FEW = 3;

/**
 * @typedef {import("./merged.js").Line} Line
 * @typedef {import("./merged.js").Drawing} Drawing
 */

/**
 * A row for each line, with the ranks that say it.
 * @param {import("../api.js").Address} address
 * @param {() => number} total how many ranks there are
 * @param {boolean} collapsed
 * @returns {Drawing}
 */
export function labelled(address, total, collapsed) {
  return {
    add(lines, into) {
      const groups = collapsed ? grouped(lines) : lines.map((line) => ({ lines: [line], parts: [[line.text]] }));
      for (const group of groups) {
        if (group.lines.length > 1) into.append(several(address, total(), group));
        else into.append(one(address, total(), collapsed, group.lines[0]));
      }
    },
  };
}

/**
 * @param {import("../api.js").Address} address
 * @param {number} total
 * @param {boolean} collapsed
 * @param {Line} line
 */
function one(address, total, collapsed, line) {
  const odd = collapsed && line.count === 1 && total >= FEW;
  const kind = line.count > 1 && line.count >= total ? "all" : odd ? "alone" : "";
  return el("div", { class: `said ${odd ? "alone" : ""}`, role: "listitem" }, clock(line.at_ms), rankLink(address, line, line.ranks, line.count, total, kind), textOf(line));
}

/**
 * A line that ranks say with other numbers: from where to where these reach, and each line when it is asked for.
 * @param {import("../api.js").Address} address
 * @param {number} total
 * @param {import("./alike.js").Group} group
 */
function several(address, total, { lines, parts }) {
  const [first] = lines;
  const ranks = ranksText(lines.flatMap((line) => [...members(line.ranks)]));
  const count = lines.reduce((sum, line) => sum + line.count, 0);
  const text = el("span", { class: `text ${severity(first.text) ?? ""}` });
  for (const part of parts) {
    if (part.length === 1) text.append(plain(part[0]));
    else text.append(el("span", { class: "differs", title: lines.slice(0, 40).map((line, i) => `${t("ranksAre", line.ranks)}: ${part[i]}`).join("\n") }, range(part)));
  }
  const row = el("div", { class: "said", role: "listitem" }, clock(first.at_ms), rankLink(address, first, ranks, count, total, count >= total ? "all" : ""), text);
  const button = el("button", { type: "button", class: "small", click: () => row.replaceWith(...lines.map((line) => one(address, total, false, line))) }, t("differShow", lines.length));
  text.append(button);
  return row;
}

/** @param {string} text */
function plain(text) {
  const made = el("span");
  paint(made, text);
  return made;
}

/**
 * @param {import("../api.js").Address} address
 * @param {Line} line
 * @param {string} ranks
 * @param {number} count
 * @param {number} total
 * @param {string} kind
 */
function rankLink(address, line, ranks, count, total, kind) {
  const name = count > 1 && count >= total ? t("ranksAll") : count > 1 ? t("ranksMany", ranks) : t("ranksAre", ranks);
  return el("a", { class: `rank ${kind}`, href: bytesLink({ ...address, task: line.task }, line.start_byte), title: t("ranksMany", ranks) }, name);
}

/**
 * Two columns: what both said in the same second stands in the same rows.
 * @param {import("../api.js").Address} address
 * @param {[string, string]} tasks
 * @returns {Drawing}
 */
export function beside(address, tasks) {
  let second = -1;
  /** @type {{row: HTMLElement, cells: (string | null)[]}[]} */
  let open = [];
  return {
    add(lines, into) {
      for (const line of lines) {
        const side = tasks.indexOf(line.task);
        if (side < 0) continue;
        const first = line.at_ms !== second;
        if (first) open = [];
        second = line.at_ms;
        let place = open.find((each) => each.cells[side] === null);
        if (!place) {
          const row = el("div", { class: "pair", role: "listitem" }, open.length ? el("span", { class: "at" }) : clock(second), el("div", { class: "side" }), el("div", { class: "side" }));
          place = { row, cells: [null, null] };
          open.push(place);
          into.append(row);
        }
        place.cells[side] = line.text;
        const number = el("a", { class: "rank", href: bytesLink({ ...address, task: line.task }, line.start_byte), "aria-label": t("toLine") }, "↗");
        place.row.children[side + 1].append(number, textOf(line));
        place.row.classList.toggle("same", place.cells[0] === place.cells[1]);
      }
    },
  };
}

/** @param {number} ms */
function clock(ms) {
  return el("time", { class: "at", title: time(ms) }, time(ms).slice(11));
}

/** @param {Line} line */
function textOf(line) {
  const text = el("span", { class: `text ${severity(line.text) ?? ""}` });
  paint(text, line.text);
  linkAddresses(text);
  return text;
}
