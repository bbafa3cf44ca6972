// How many jobs are how: a click keeps the list to these.

import { el, fill } from "../dom.js";
import { number } from "../format.js";
import { t } from "../i18n.js";
import { STATES } from "./filter.js";

/** These are shown though no job is so. */
const ALWAYS = ["RUNNING", "FAILED", "COMPLETED"];

export class Tabs {
  /**
   * @param {(state: string | null) => void} chosen
   */
  constructor(chosen) {
    this.chosen = chosen;
    this.drawn = "";
    this.element = el("div", { class: "states-tabs", role: "group", "aria-label": t("state") });
  }

  /**
   * @param {string[]} states those that are shown
   * @param {Record<string, number>} counts how many jobs there are in each state, also in those that are not shown
   */
  show(states, counts) {
    const drawn = JSON.stringify([states, counts]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    const only = states.length === 1 ? states[0] : null;
    const at = document.activeElement?.getAttribute("data-state");
    const tab = (/** @type {string | null} */ state, /** @type {string} */ name, /** @type {number} */ count) =>
      el(
        "button",
        { type: "button", "data-state": state ?? "all", "aria-pressed": String(state === null ? !states.length : state === only), click: () => this.chosen(state) },
        name,
        el("span", { class: "quiet" }, ` ${number(count)}`),
      );
    const of = (/** @type {string} */ state) => counts[state] ?? 0;
    const shown = STATES.filter((state) => of(state) || ALWAYS.includes(state) || state === only);
    fill(this.element, tab(null, t("anyState"), STATES.reduce((sum, state) => sum + of(state), 0)), ...shown.map((state) => tab(state, t(state), of(state))));
    if (at) /** @type {HTMLElement | null} */ (this.element.querySelector(`[data-state="${at}"]`))?.focus();
  }
}
