// What stands beside the mouse, or the focus, over a rank: its state, host, last step and last line.

import { get, logPath } from "../api.js";
import { el, fill } from "../dom.js";
import { t } from "../i18n.js";
import { folded, paint } from "../log/text.js";
import { lastStep } from "./alike.js";

const WAIT_MS = 120;
const LINES = 40;
const CUT_BYTES = 400;
const MAX_LINE = 300;

export class Tip {
  /**
   * @param {import("../api.js").Address} address
   * @param {HTMLElement} around the element whose cells have tips
   */
  constructor(address, around) {
    this.address = address;
    this.timer = 0;
    this.turn = 0;
    this.element = el("div", { class: "tip", role: "tooltip", id: "tip", hidden: true });
    const over = (/** @type {Event} */ event) => {
      const cell = event.target instanceof Element ? event.target.closest("a.cell") : null;
      if (cell instanceof HTMLElement) this.#show(cell);
      else this.hide();
    };
    for (const name of ["pointerover", "focusin"]) around.addEventListener(name, over);
    for (const name of ["pointerleave", "focusout"]) around.addEventListener(name, () => this.hide());
    around.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.hide();
    });
  }

  hide() {
    clearTimeout(this.timer);
    this.turn += 1;
    this.element.hidden = true;
  }

  /** @param {HTMLElement} cell */
  #show(cell) {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.#fill(cell, ++this.turn), WAIT_MS);
  }

  /**
   * @param {HTMLElement} cell
   * @param {number} turn
   */
  async #fill(cell, turn) {
    const facts = el("p", {}, cell.getAttribute("aria-label") ?? "");
    const step = el("p", { class: "quiet" }, `${t("loading")} …`);
    const line = el("p", { class: "last" });
    fill(this.element, facts, step, line);
    const box = cell.getBoundingClientRect();
    this.element.hidden = false;
    this.element.style.top = `${box.bottom + 4}px`;
    this.element.style.left = `${Math.max(Math.min(box.left, window.innerWidth - this.element.offsetWidth - 12), 4)}px`;
    try {
      const path = `/api${logPath({ ...this.address, task: `worker-${cell.dataset.rank}` })}/lines`;
      /** @type {import("../api.js").Lines} */
      const { content } = await get(path, { start: -LINES, count: LINES, cut: CUT_BYTES });
      if (turn !== this.turn) return;
      const lines = content.split("\n").map((each) => folded(each).last).filter((each) => each.trim() !== "");
      const last = lastStep(lines);
      step.textContent = last === null ? t("noStep") : t("lastStep", last);
      paint(line, (lines[lines.length - 1] ?? "").slice(0, MAX_LINE));
    } catch {
      if (turn === this.turn) step.textContent = ""; // the lines below say when the server is away
    }
  }
}
