// What opens below a button; Escape, or a click elsewhere, closes it.

import { el } from "./dom.js";

export class Popup {
  /**
   * @param {string} label
   * @param {string} title
   * @param {string} kind
   * @param {HTMLElement} content
   */
  constructor(label, title, kind, content) {
    this.button = el("summary", { class: "button", title, "aria-label": label.length < 3 || title.includes(label) ? title : null }, label);
    this.element = el("details", { class: kind }, this.button, content);
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.element.open) return;
      event.stopPropagation();
      this.close();
      this.button.focus();
    });
    this.element.addEventListener("focusout", (event) => {
      if (event.relatedTarget instanceof Node && !this.element.contains(event.relatedTarget)) this.close();
    });
    this.onPointer = (/** @type {Event} */ event) => {
      if (event.target instanceof Node && !this.element.contains(event.target)) this.close();
    };
    this.element.addEventListener("toggle", () => {
      if (this.element.open) document.addEventListener("pointerdown", this.onPointer);
      else document.removeEventListener("pointerdown", this.onPointer);
    });
  }

  close() {
    this.element.open = false;
  }
}
