// The scroll bar: where in the whole log one is, however long it is.

import { el } from "../dom.js";
import { t } from "../i18n.js";

const LEAST_THUMB = 28;

export class Bar {
  /** @param {(line: number) => void} chosen is told the line that is to be on top */
  constructor(chosen) {
    this.chosen = chosen;
    this.thumb = el("div", { class: "thumb" });
    this.element = el(
      "div",
      {
        class: "bar",
        role: "scrollbar",
        "aria-label": t("scrollBar"),
        "aria-orientation": "vertical",
        "aria-controls": "lines",
        pointerdown: (/** @type {PointerEvent} */ event) => this.#grab(event),
        pointermove: (/** @type {PointerEvent} */ event) => this.#drag(event),
        pointerup: () => this.#let(),
        pointercancel: () => this.#let(),
      },
      this.thumb,
    );
    this.start = 0;
    this.end = 0;
    this.first = 0;
    this.visible = 1;
    /** @type {number | null} */
    this.grip = null;
  }

  /**
   * @param {number} start the log's first line
   * @param {number} end the line after its last
   * @param {number} first the line on top of what is seen
   * @param {number} last the line at its bottom
   */
  show(start, end, first, last) {
    this.start = start;
    this.end = end;
    this.first = first;
    this.visible = Math.max(last - first + 1, 1);
    const track = this.element.clientHeight;
    const height = this.#thumbHeight(track);
    const room = this.#scrollable();
    const share = room ? Math.min((first - start) / room, 1) : 0;
    this.thumb.style.height = `${height}px`;
    this.thumb.style.transform = `translateY(${share * (track - height)}px)`;
    this.element.hidden = !room;
    this.element.setAttribute("aria-valuemin", String(start));
    this.element.setAttribute("aria-valuemax", String(Math.max(end - 1, start)));
    this.element.setAttribute("aria-valuenow", String(first));
  }

  #scrollable() {
    return Math.max(this.end - this.start - this.visible, 0);
  }

  /** @param {number} track */
  #thumbHeight(track) {
    const lines = Math.max(this.end - this.start, 1);
    return Math.min(Math.max((track * this.visible) / lines, LEAST_THUMB), track);
  }

  /** @param {PointerEvent} event */
  #grab(event) {
    if (event.button) return;
    event.preventDefault();
    this.element.setPointerCapture(event.pointerId);
    const box = this.thumb.getBoundingClientRect();
    const inside = event.clientY >= box.top && event.clientY < box.bottom;
    this.grip = inside ? event.clientY - box.top : box.height / 2;
    this.element.classList.add("held");
    if (!inside) this.#drag(event);
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    if (this.grip === null) return;
    const box = this.element.getBoundingClientRect();
    const room = box.height - this.#thumbHeight(box.height);
    const share = room > 0 ? (event.clientY - box.top - this.grip) / room : 0;
    this.chosen(this.start + Math.round(Math.min(Math.max(share, 0), 1) * this.#scrollable()));
  }

  #let() {
    this.grip = null;
    this.element.classList.remove("held");
  }
}
