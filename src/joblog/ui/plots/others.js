// Runs to draw beside the one that is looked at: of this job and of any other, chosen by check boxes.

import { get } from "../api.js";
import { el, fill, say } from "../dom.js";
import { t } from "../i18n.js";
import { runName } from "../log/facts.js";
import { Popup } from "../popup.js";

/** More curves than these nobody tells apart. */
export const MAX_OTHERS = 8;

const MAX_JOBS = 20;
const MAX_RUNS = 20;
const TYPING_MS = 250;

/**
 * A run by its job's id and its own, and how it is called beside others.
 * @typedef {{job: number, id: number, number: number, name: string}} Other
 * @typedef {{id: number, name: string, job_id: number, job_name: string, run_id: string | null, title?: string | null}} RunRow
 */

export class Others {
  /**
   * @param {import("../api.js").Address} address the run that is looked at
   * @param {() => void} changed
   */
  constructor(address, changed) {
    this.address = address;
    this.changed = changed;
    this.path = `/api/projects/${encodeURIComponent(address.project)}`;
    /** @type {Map<number, Other>} */
    this.chosen = new Map();
    this.timer = 0;
    this.turn = 0;
    this.list = el("div", { class: "others-list" });
    this.told = el("p", { class: "quiet", role: "status" });
    this.search = el("input", { type: "search", placeholder: t("searchJobs"), "aria-label": t("searchJobs"), spellcheck: "false", autocomplete: "off", maxlength: 64 });
    this.search.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => void this.#fill(), TYPING_MS);
    });
    this.popup = new Popup(t("compare"), t("compareHelp"), "menu others", el("div", { class: "menu-list" }, this.search, this.told, this.list));
    this.element = this.popup.element;
    this.element.addEventListener("toggle", () => {
      if (this.element.open) void this.#fill();
    });
  }

  /**
   * Takes the runs that an address names: "17", of this job, or "3.17".
   * @param {string} text
   */
  async read(text) {
    const named = [...text.matchAll(/(?:^|,)(?:(\d{1,15})\.)?(\d{1,15})(?=,|$)/g)].slice(0, MAX_OTHERS);
    for (const [, job, id] of named) {
      const [of, version] = [Number(job ?? this.address.job), Number(id)];
      const above = `${this.path}/jobs/${of}`;
      /** @type {[{name: string}, import("../api.js").Version] | null} */
      const found = await Promise.all([get(above), get(`${above}/versions/${version}`)]).then((both) => /** @type {any} */ (both), () => null);
      if (found) this.chosen.set(version, this.#other(of, version, found[1].number, found[0].name));
    }
    this.#said();
  }

  /** As an address names them. */
  get text() {
    return [...this.chosen.values()].map(({ job, id }) => (job === this.address.job ? id : `${job}.${id}`)).join(",");
  }

  /**
   * @param {number} job
   * @param {number} id
   * @param {number} number
   * @param {string} name the job's
   * @returns {Other}
   */
  #other(job, id, number, name) {
    return { job, id, number, name: job === this.address.job ? `#${number}` : `${name} #${number}` };
  }

  #said() {
    say(this.popup.button, this.chosen.size ? `${t("compare")} · ${this.chosen.size}` : t("compare"));
  }

  /** The runs of this job first, then those of the newest jobs, or of those with what was typed in their names. */
  async #fill() {
    const turn = ++this.turn;
    say(this.told, `${t("loading")} …`);
    try {
      const search = this.search.value.trim();
      /** @type {{items: {id: number, name: string, runs: number}[]}} */
      const jobs = await get(`${this.path}/overview`, { search, limit: MAX_JOBS });
      const own = search ? [] : [this.address.job];
      const ids = [...new Set([...own, ...jobs.items.filter((each) => each.runs).map((each) => each.id)])];
      /** @type {{items: RunRow[]}[]} */
      const runs = await Promise.all(ids.map((job) => get(`${this.path}/runs`, { job, limit: MAX_RUNS })));
      if (turn !== this.turn) return;
      say(this.told, runs.some(({ items }) => items.some((each) => each.id !== this.address.version)) ? "" : t("noMatch"));
      fill(this.list, ...runs.map(({ items }) => this.#job(items.filter((each) => each.id !== this.address.version))));
    } catch (error) {
      if (turn === this.turn) say(this.told, t("failed", error instanceof Error ? error.message : ""));
    }
  }

  /** @param {RunRow[]} runs */
  #job(runs) {
    if (!runs.length) return null;
    const boxes = runs.map((run) => {
      const number = Number(run.name.slice(1));
      const box = el("input", { type: "checkbox", checked: this.chosen.has(run.id) });
      box.addEventListener("change", () => {
        if (box.checked && this.chosen.size >= MAX_OTHERS) {
          box.checked = false;
          say(this.told, t("compareMost", MAX_OTHERS));
          return;
        }
        if (box.checked) this.chosen.set(run.id, this.#other(run.job_id, run.id, number, run.job_name));
        else this.chosen.delete(run.id);
        this.#said();
        this.changed();
      });
      return el("label", {}, box, " ", runName({ ...run, number }));
    });
    return el("fieldset", {}, el("legend", {}, runs[0].job_name), ...boxes);
  }
}
