// Where in a version one is: links to the job's other runs and to the run's other ranks.

import { get, logPath } from "../api.js";
import { el } from "../dom.js";
import { choice } from "../header.js";
import { t } from "../i18n.js";
import { stateBadge } from "./state.js";

/**
 * @typedef {import("../api.js").Address} Address
 * @typedef {import("../api.js").Version} Version
 */

export class Place {
  /**
   * @param {Address} address
   * @param {(address: Address) => void} go
   * @param {(version: Version | null) => void} known is told how the run is
   */
  constructor(address, go, known) {
    this.address = address;
    this.known = known;
    this.go = go;
    this.job = el("a", { href: `/projects/${encodeURIComponent(address.project)}/`, class: "job" }, `#${address.job}`);
    this.state = el("span");
    this.runs = el("span");
    this.ranks = el("span", {}, el("span", { class: "quiet" }, address.task));
    this.elements = [this.job, this.runs, this.ranks, this.state];
  }

  /** Fills in what is not needed to show lines. */
  async fill() {
    const { project, job, version } = this.address;
    const above = `/api/projects/${encodeURIComponent(project)}/jobs/${job}`;
    /** @type {[import("../api.js").Job, {items: Version[]}, {items: {task: string}[]}]} */
    const [about, versions, logs] = await Promise.all([
      get(above),
      get(`${above}/versions`, { limit: 1000 }),
      get(`${above}/versions/${version}/logs`, { limit: 1000 }),
    ]);
    this.job.textContent = about.name;
    this.job.title = t("back");
    document.title = `${about.name} · joblog`;
    this.#choose(this.runs, t("attempt"), String(version), versions.items.map((each) => [String(each.id), runName(each)]), (chosen) =>
      this.#goToRun(Number(chosen)),
    );
    const tasks = logs.items.map((each) => /** @type {[string, string]} */ ([each.task, each.task]));
    this.#choose(this.ranks, t("rank"), this.address.task, tasks, (task) => this.go({ ...this.address, task }));
    this.showVersion(versions.items.find((each) => each.id === version) ?? null);
  }

  /** Looks at how the run is. */
  async refresh() {
    const { project, job, version } = this.address;
    this.showVersion(await get(`/api/projects/${encodeURIComponent(project)}/jobs/${job}/versions/${version}`));
  }

  /** @param {Version | null} version */
  showVersion(version) {
    this.known(version);
    this.state.replaceChildren(...(version ? [stateBadge(version.status, version.reason)] : []));
  }

  /** @param {number} version */
  async #goToRun(version) {
    const { project, job, task } = this.address;
    const path = `/api/projects/${encodeURIComponent(project)}/jobs/${job}/versions/${version}/logs`;
    /** @type {{items: {task: string}[]}} */
    const logs = await get(path, { limit: 1000 });
    const same = logs.items.some((each) => each.task === task);
    this.go({ ...this.address, version, task: same ? task : (logs.items[0]?.task ?? task) });
  }

  /**
   * @param {HTMLElement} into
   * @param {string} label
   * @param {string} value
   * @param {[string, string][]} values
   * @param {(value: string) => void} chosen
   */
  #choose(into, label, value, values, chosen) {
    if (values.length < 2) {
      into.replaceChildren(el("span", { class: "quiet" }, values[0]?.[1] ?? value));
      return;
    }
    const box = choice(label, value, values.map(([each]) => each), Object.fromEntries(values));
    box.addEventListener("change", () => chosen(box.value));
    into.replaceChildren(box);
  }
}

/** @param {Version} version */
function runName(version) {
  return version.run_id ? `${version.name} · ${version.run_id}` : version.name;
}

/**
 * Opens another log's page.
 * @param {Address} address
 */
export function goTo(address) {
  history.pushState(null, "", logPath(address));
  window.dispatchEvent(new PopStateEvent("popstate"));
}
