// A button that opens a short list of links, as a browser's own: Escape or a click elsewhere closes it.

import { el, fill } from "../dom.js";

/**
 * An entry: what it says, where it leads, and whether that is a file to keep rather than a page to look at.
 * @typedef {{label: string, href: string, keep: boolean}} Entry
 */

export class Menu {
  /**
   * @param {string} label
   * @param {string} title
   */
  constructor(label, title) {
    this.shown = "";
    this.list = el("ul", { class: "menu-list" });
    this.button = el("summary", { class: "button", title, "aria-label": title }, label);
    this.element = el("details", { class: "menu" }, this.button, this.list);
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.element.open) return;
      event.stopPropagation();
      this.close();
      this.button.focus();
    });
    this.element.addEventListener("focusout", (event) => {
      if (event.relatedTarget instanceof Node && !this.element.contains(event.relatedTarget)) this.close();
    });
    this.list.addEventListener("click", () => this.close());
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

  /** @param {Entry[]} entries */
  show(entries) {
    const same = entries.map(({ label, href }) => `${label} ${href}`).join("\n");
    if (same === this.shown) return;
    this.shown = same;
    fill(
      this.list,
      ...entries.map(({ label, href, keep }) =>
        el("li", {}, keep ? el("a", { href, download: "" }, label) : el("a", { href, target: "_blank", rel: "noopener" }, label)),
      ),
    );
  }
}
