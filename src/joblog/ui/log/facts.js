// What a run is: when it began, how long it took, what began it. A button in the header, and a card below it.

import { el, fill } from "../dom.js";
import { duration, time } from "../format.js";
import { t } from "../i18n.js";

/** @typedef {import("../api.js").Version} Version */

/** Ids that nobody has chosen: 32 hexadecimal digits say nothing to anybody. */
const MADE_UP = /^[0-9a-f]{32}$/;

/**
 * A run's name: its number, and its title or the id that somebody has given it.
 * @param {Version} version
 */
export function runName(version) {
  const said = version.title ?? (version.run_id && !MADE_UP.test(version.run_id) ? version.run_id : null);
  return said ? `#${version.number} · ${said}` : `#${version.number}`;
}

export class Facts {
  constructor() {
    this.list = el("dl");
    this.element = el("details", { class: "facts", hidden: true }, el("summary", { "aria-label": t("aboutRun"), title: t("aboutRun") }, "i"), this.list);
    this.onClick = (/** @type {Event} */ event) => {
      if (event.target instanceof Node && !this.element.contains(event.target)) this.element.open = false;
    };
    this.element.addEventListener("toggle", () => {
      if (this.element.open) document.addEventListener("click", this.onClick);
      else document.removeEventListener("click", this.onClick);
    });
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.element.open) return;
      this.element.open = false;
      event.stopPropagation();
    });
  }

  /** @param {Version} version */
  show(version) {
    const { started_ms: started, ended_ms: ended } = version;
    /** @type {[string, string | null | undefined][]} */
    const facts = [
      [t("attempt"), runName(version)],
      [t("started"), started === null ? null : time(started)],
      [t("took"), started === null ? null : duration((ended ?? Date.now()) - started)],
      [t("ending"), version.reason],
      [t("command"), version.command],
      [t("host"), version.host],
      [t("user"), version.user],
      [t("commit"), version.commit],
    ];
    fill(this.list, ...facts.flatMap(([name, text]) => (text ? [el("dt", {}, name), el("dd", {}, text)] : [])));
    this.element.hidden = false;
  }
}
