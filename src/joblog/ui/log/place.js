// Where one is: job, run and rank, with ways to the job's other runs, the run's other ranks, and the other ways to look at it.

import { firedMark } from "../alerts/links.js";
import { RunAlerts } from "../alerts/news.js";
import { get, logPath, versionPath } from "../api.js";
import { el, fill } from "../dom.js";
import { choice, unseenHeading } from "../header.js";
import { t } from "../i18n.js";
import { Facts, runLine } from "./facts.js";
import { stateBadge } from "./state.js";
import { reasonWords } from "./verdicts.js";

/** How often a run that goes on is looked at: a rank of it may die that is not on the screen. */
const AGAIN_MS = 10_000;

/** Ranks in the order in which somebody looks for them: by how they are. */
const ORDER = ["FAILED", "LOST", "KILLED", "KILLING"];

/**
 * @typedef {import("../api.js").Address} Address
 * @typedef {import("../api.js").Version} Version
 * @typedef {import("../api.js").Log} Log
 * @typedef {{task: string, status: string, reason: string | null, host: string | null, ended_ms: number | null}} Task
 * @typedef {import("../alerts/news.js").Alert} Alert
 * @typedef {"log" | "ranks" | "plots" | "diff"} Section
 */

/**
 * A page's place, once all that it shows is known.
 * @param {Address} address
 * @param {Section} section
 */
export async function filledPlace(address, section) {
  const place = new Place(address, section, () => undefined);
  try {
    await place.fill();
  } catch (error) {
    place.close();
    throw error;
  }
  return place;
}

export class Place {
  /**
   * @param {Address} address
   * @param {Section} section what of the version is looked at
   * @param {(version: Version | null, tasks: Task[], job: string) => void} known is told how the run is
   * @param {(alerts: Alert[]) => void} [fired] is told what rules found in it
   */
  constructor(address, section, known, fired = () => undefined) {
    this.address = address;
    this.section = section;
    this.known = known;
    this.name = "";
    /** @type {string | null} */
    this.first = null;
    this.timer = 0;
    this.closed = false;
    /** @type {Version[]} */
    this.versions = [];
    /** @type {Log[]} */
    this.logs = [];
    /** @type {Task[]} */
    this.tasks = [];
    this.heading = unseenHeading(t(`section-${section}`));
    this.job = el("a", { href: jobsPath(address, ""), class: "job" }, "…");
    this.state = el("span", { class: "run-state" });
    this.facts = new Facts();
    this.fired = el("span", { class: "run-fired" });
    /** @type {Version | null} */
    this.version = null;
    /** @type {Alert[]} */
    this.ofRun = [];
    this.alerts = new RunAlerts(address.project, address.version, (found) => {
      this.ofRun = found;
      fired(found);
      this.#showFacts();
    });
    this.runs = new Picker("runs", t("attempt"), (chosen) => void this.#goToRun(Number(chosen)));
    this.ranks = new Picker("of-rank", t("rank"), (task) => goTo(logPath({ ...this.address, task })));
    if (section === "log") this.ranks.show(address.task, [[address.task, rankName(address.task)]]);
    const sections = /** @type {Section[]} */ (["log", "ranks", "plots", "diff"]).map((each) => {
      const here = each === section ? "page" : null;
      return el("a", { class: "tab", href: sectionPath(address, each), "aria-current": here }, t(`section-${each}`));
    });
    const between = () => el("span", { class: "between", "aria-hidden": "true" }, "/");
    const rank = section === "log" ? [between(), this.ranks.element] : [];
    this.elements = [this.job, between(), this.runs.element, ...rank, this.state, this.fired, this.facts.element, el("span", { class: "tabs" }, ...sections)];
  }

  close() {
    this.closed = true;
    this.alerts.close();
    clearTimeout(this.timer);
  }

  /** Fills in what is not needed to show lines. */
  async fill() {
    const { project, job, version } = this.address;
    const above = `/api/projects/${encodeURIComponent(project)}/jobs/${job}`;
    /** @type {[import("../api.js").Job, {items: Version[]}, {items: Log[]}, {items: Task[]}, void]} */
    const [about, versions, logs, tasks] = await Promise.all([
      get(above),
      get(`${above}/versions`, { limit: 1000 }),
      get(`${above}/versions/${version}/logs`, { limit: 1000 }),
      get(`${above}/versions/${version}/tasks`, { limit: 1000 }),
      this.alerts.read(),
    ]);
    this.name = about.name;
    this.versions = versions.items;
    this.logs = logs.items;
    this.job.textContent = about.name;
    this.job.href = jobsPath(this.address, about.name);
    this.job.title = about.name;
    this.#show(versions.items.find((each) => each.id === version) ?? null, tasks.items);
  }

  /** Looks at how the run is. */
  async refresh() {
    const path = `/api${versionPath(this.address)}`;
    /** @type {[Version, {items: Task[]}]} */
    const [version, tasks] = await Promise.all([get(path), get(`${path}/tasks`, { limit: 1000 })]);
    if (this.closed || !this.name) return;
    this.versions = this.versions.map((each) => (each.id === version.id ? version : each));
    this.#show(version, tasks.items);
  }

  /**
   * @param {Version | null} version
   * @param {Task[]} tasks
   */
  #show(version, tasks) {
    this.tasks = tasks;
    this.known(version, tasks, this.name);
    this.runs.show(String(this.address.version), [...this.versions].reverse().map((each) => [String(each.id), runLine(each)]));
    this.#showRanks();
    const run = version ? `#${version.number}` : "";
    document.title = `${this.name} ${run} · joblog`;
    this.heading.textContent = [this.name, run, this.section === "log" ? rankName(this.address.task) : t(`section-${this.section}`)].join(" ");
    this.version = version;
    this.#showFacts();
    this.state.replaceChildren(...(version ? [stateBadge(version.status, version.reason)] : []));
    clearTimeout(this.timer);
    if (!this.closed && version?.ended_ms === null) this.timer = window.setTimeout(() => void this.refresh().catch(() => undefined), AGAIN_MS);
  }

  #showFacts() {
    if (this.version) this.facts.show(this.version, this.address.project, this.ofRun);
    const [newest] = this.ofRun;
    if (newest) fill(this.fired, firedMark(this.ofRun.length, `${newest.rule}: ${reasonWords(newest.reason)}`));
  }

  /**
   * Takes the rank whose failure the others follow from: which report came first does not tell.
   * @param {string} task
   */
  setFirst(task) {
    this.first = task;
    this.#showRanks();
  }

  #showRanks() {
    if (this.section === "log") this.ranks.show(this.address.task, ranksByState(this.logs, this.tasks, this.first ?? onlyFailed(this.tasks)));
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
    goTo(logs.items.some((each) => each.task === address.task) ? logPath(address) : versionPath(address));
  }
}

/** One of several values, or the only one as text. */
class Picker {
  /**
   * @param {string} kind
   * @param {string} label
   * @param {(value: string) => void} chosen
   */
  constructor(kind, label, chosen) {
    this.label = label;
    this.chosen = chosen;
    this.shown = "";
    this.element = el("span", { class: kind });
  }

  /**
   * @param {string} value
   * @param {[string, string][]} values with what they are called
   */
  show(value, values) {
    const same = JSON.stringify([value, values]);
    const box = this.element.querySelector("select");
    if (same === this.shown || (box && box === document.activeElement)) return;
    this.shown = same;
    if (values.length < 2) {
      const only = values[0]?.[1] ?? value;
      fill(this.element, el("span", { class: "quiet", title: only }, only));
      return;
    }
    const made = choice(this.label, value, values.map(([each]) => each), Object.fromEntries(values));
    made.addEventListener("change", () => this.chosen(made.value));
    fill(this.element, made);
  }
}

/**
 * The ranks of a run with how they are: those that failed in front, first of all the one that failed first.
 * @param {Log[]} logs
 * @param {Task[]} tasks
 * @param {string | null} first
 * @returns {[string, string][]}
 */
function ranksByState(logs, tasks, first) {
  const known = new Map(tasks.map((each) => [each.task, each]));
  const place = (/** @type {Log} */ { task }) => {
    const at = ORDER.indexOf(known.get(task)?.status ?? "");
    return task === first ? -1 : at < 0 ? ORDER.length : at;
  };
  const sorted = [...logs].sort((a, b) => place(a) - place(b) || Number(a.task.slice(7)) - Number(b.task.slice(7)));
  return sorted.map(({ task }) => {
    const status = known.get(task)?.status;
    const said = task === first && tasks.length > 1 ? t("failedFirst") : status ? t(status) : "";
    return [task, said ? `${rankName(task)} · ${said}` : rankName(task)];
  });
}

/**
 * The rank that said first that it failed.
 * @param {Task[]} tasks
 * @returns {string | null}
 */
export function firstFailed(tasks) {
  const failed = tasks.filter(({ status }) => status === "FAILED");
  failed.sort((a, b) => (a.ended_ms ?? Infinity) - (b.ended_ms ?? Infinity));
  return failed[0]?.task ?? null;
}

/**
 * The rank that failed, where one alone did.
 * @param {Task[]} tasks
 */
function onlyFailed(tasks) {
  const failed = tasks.filter(({ status }) => status === "FAILED");
  return failed.length === 1 ? failed[0].task : null;
}

/** @param {string} task */
export function rankName(task) {
  return t("ranksAre", task.replace("worker-", ""));
}

/**
 * The jobs, with this one found and open.
 * @param {Address} address
 * @param {string} name
 */
function jobsPath({ project, job }, name) {
  const query = name ? `?${new URLSearchParams({ q: name, open: String(job) })}` : "";
  return `/projects/${encodeURIComponent(project)}/${query}`;
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
