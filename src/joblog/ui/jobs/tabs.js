// How many jobs are how: a click keeps the list to these.

import { get } from "../api.js";
import { el, fill } from "../dom.js";
import { number } from "../format.js";
import { t } from "../i18n.js";
import { STATES } from "./filter.js";

/** These are shown though no job is so. */
const ALWAYS = ["RUNNING", "FAILED", "COMPLETED"];

/** Counting looks at all jobs, so it is done more seldom than the list. */
const AGAIN_MS = 10_000;

export class Tabs {
  /**
   * @param {string} path the project's
   * @param {(state: string | null) => void} chosen
   */
  constructor(path, chosen) {
    this.path = path;
    this.chosen = chosen;
    this.asked = "";
    this.at = 0;
    this.drawn = "";
    this.asking = new AbortController();
    /** @type {[string, number][]} */
    this.counts = ALWAYS.map((state) => [state, 0]);
    this.element = el("div", { class: "states-tabs", role: "group", "aria-label": t("state") });
  }

  close() {
    this.asking.abort();
  }

  /**
   * @param {{search: string, label: string[]}} which jobs are counted, whatever their states
   * @param {string[]} states those that are shown
   * @param {number} total how many jobs these are
   */
  async show(which, states, total) {
    this.#draw(states);
    const asked = JSON.stringify([which, states, total]);
    if (asked === this.asked && Date.now() - this.at < AGAIN_MS) return;
    this.asked = asked;
    this.at = Date.now();
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    try {
      const totals = await Promise.all(STATES.map((status) => get(`${this.path}/overview`, { ...which, status, limit: 1 }, signal)));
      if (signal.aborted) return;
      this.counts = STATES.map((state, i) => /** @type {[string, number]} */ ([state, totals[i].total]));
      this.#draw(states);
    } catch {
      this.asked = ""; // the list says when the server is away
    }
  }

  /** @param {string[]} states */
  #draw(states) {
    const drawn = JSON.stringify([states, this.counts]);
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
    const shown = this.counts.filter(([state, count]) => count || ALWAYS.includes(state) || state === only);
    fill(this.element, tab(null, t("anyState"), this.counts.reduce((sum, [, count]) => sum + count, 0)), ...shown.map(([state, count]) => tab(state, t(state), count)));
    if (at) /** @type {HTMLElement | null} */ (this.element.querySelector(`[data-state="${at}"]`))?.focus();
  }
}
