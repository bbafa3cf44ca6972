// Where in a version one is: links to the job's other runs, to the run's other ranks, and to the other ways to look at it.

import { get, logPath, versionPath } from "../api.js";
import { el } from "../dom.js";
import { choice } from "../header.js";
import { t } from "../i18n.js";
import { Facts, runName } from "./facts.js";
import { stateBadge } from "./state.js";

/**
 * @typedef {import("../api.js").Address} Address
 * @typedef {import("../api.js").Version} Version
 * @typedef {import("../api.js").Log} Log
 */

/** @typedef {"log" | "ranks" | "plots"} Section */

export class Place {
  /**
   * @param {Address} address
   * @param {Section} section what of the version is looked at
   * @param {(version: Version | null) => void} known is told how the run is
   */
  constructor(address, section, known) {
    this.address = address;
    this.section = section;
    this.known = known;
    /** @type {Version[]} */
    this.versions = [];
    /** @type {Log[]} */
    this.logs = [];
    this.job = el("a", { href: `/projects/${encodeURIComponent(address.project)}/`, class: "job" }, `#${address.job}`);
    this.state = el("span");
    this.facts = new Facts();
    this.runs = el("span", { class: "runs" });
    this.ranks = el("span", { class: "of-rank" }, section === "log" ? el("span", { class: "quiet" }, address.task) : null);
    const sections = /** @type {Section[]} */ (["log", "ranks", "plots"]).map((each) => {
      const here = each === section ? "page" : null;
      return el("a", { class: "tab", href: sectionPath(address, each), "aria-current": here }, t(`section-${each}`));
    });
    this.elements = [this.job, this.runs, this.ranks, this.state, this.facts.element, el("span", { class: "tabs" }, ...sections)];
  }

  /** Fills in what is not needed to show lines. */
  async fill() {
    const { project, job, version } = this.address;
    const above = `/api/projects/${encodeURIComponent(project)}/jobs/${job}`;
    /** @type {[import("../api.js").Job, {items: Version[]}, {items: Log[]}]} */
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
    this.versions = versions.items;
    this.logs = logs.items;
    if (this.section === "log") {
      const tasks = logs.items.map((each) => /** @type {[string, string]} */ ([each.task, each.task]));
      this.#choose(this.ranks, t("rank"), this.address.task, tasks, (task) => goTo(logPath({ ...this.address, task })));
    }
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
    if (version) this.facts.show(version);
    this.state.replaceChildren(...(version ? [stateBadge(version.status, version.reason)] : []));
  }

  /** @param {number} version */
  async #goToRun(version) {
    const address = { ...this.address, version };
    if (this.section !== "log") {
      goTo(sectionPath(address, this.section));
      return;
    }
    /** @type {{items: Log[]}} */
    const logs = await get(`/api${versionPath(address)}/logs`, { limit: 1000 });
    const same = logs.items.some((each) => each.task === address.task);
    goTo(logPath({ ...address, task: same ? address.task : (logs.items[0]?.task ?? address.task) }));
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
      const only = values[0]?.[1] ?? value;
      into.replaceChildren(el("span", { class: "quiet", title: only }, only));
      return;
    }
    const box = choice(label, value, values.map(([each]) => each), Object.fromEntries(values));
    box.addEventListener("change", () => chosen(box.value));
    into.replaceChildren(box);
  }
}

/**
 * @param {Address} address
 * @param {Section} section
 */
function sectionPath(address, section) {
  return section === "log" ? logPath(address) : `${versionPath(address)}/${section}?from=${address.task}`;
}

/**
 * Opens another page.
 * @param {string} path
 */
export function goTo(path) {
  history.pushState(null, "", path);
  window.dispatchEvent(new PopStateEvent("popstate"));
}
