// How the lines of several ranks are drawn: one below the other with their ranks, or those of two beside each other.

import { bytesLink } from "../api.js";
import { el } from "../dom.js";
import { time } from "../format.js";
import { t } from "../i18n.js";
import { linkAddresses } from "../log/addresses.js";
import { severity } from "../log/severity.js";
import { paint } from "../log/text.js";

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
      for (const line of lines) {
        const all = line.count > 1 && line.count >= total();
        const odd = collapsed && line.count === 1 && total() >= FEW;
        const name = all ? t("ranksAll") : line.count > 1 ? t("ranksMany", line.ranks) : t("ranksAre", line.ranks);
        const kind = all ? "all" : odd ? "alone" : "";
        const label = el("a", { class: `rank ${kind}`, href: bytesLink({ ...address, task: line.task }, line.start_byte), title: t("ranksMany", line.ranks) }, name);
        into.append(el("div", { class: `said ${odd ? "alone" : ""}`, role: "listitem" }, clock(line.at_ms), label, textOf(line)));
      }
    },
  };
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
