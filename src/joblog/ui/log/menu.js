// A button that opens a short list of links.

import { el, fill } from "../dom.js";
import { Popup } from "../popup.js";

/**
 * An entry: what it says, where it leads, and whether that is a file to keep rather than a page to look at.
 * @typedef {{label: string, href: string, keep: boolean}} Entry
 */

export class Menu extends Popup {
  /**
   * @param {string} label
   * @param {string} title
   */
  constructor(label, title) {
    const list = el("ul", { class: "menu-list" });
    super(label, title, "menu", list);
    this.shown = "";
    this.list = list;
    list.addEventListener("click", () => this.close());
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
