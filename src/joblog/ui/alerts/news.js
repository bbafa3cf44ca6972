// What watch rules have found in a project: asked for seldom, once for all that shows it, and never for a page that nobody sees.

import { get } from "../api.js";
import { lastSeenAlert, seeAlerts } from "../preferences.js";

/** The project's newest alert is asked for so often. */
const OFTEN_MS = 30_000;

/** The page's own lines come first. */
const FIRST_MS = 1000;

/** What is asked for by hand, or by a list that has seen more alerts, comes no more often. */
const SELDOM_MS = 2000;

const PAGE = 20;

/**
 * @typedef {{receiver: string, state: string, tries: number, due_ms: number, ended_ms: number | null, problem: string}} Delivery
 * @typedef {{id: number, rule: string, kind: string, job_id: number, job_name: string, version_id: number, run: string,
 *   task: string | null, fired_ms: number, last_ms: number, resolved_ms: number | null, times: number, reason: string,
 *   line: number | null, text: string, deliveries: Delivery[]}} Alert
 * @typedef {{items: Alert[], next: number | null}} AlertPage
 * @typedef {{element: HTMLElement, isOpen: () => boolean, show: () => void}} Shows what shows them, while it is in the page
 */

/** @type {News | null} */
let current = null;

/**
 * The alerts of a project; those of one project are kept at a time.
 * @param {string} project
 */
export function newsOf(project) {
  if (current?.project !== project) {
    current?.stop();
    current = new News(project);
  }
  return current;
}

document.addEventListener("visibilitychange", () => current?.plan());
window.addEventListener("storage", () => current?.tell());

/**
 * Where the alerts of a project are.
 * @param {string} project
 */
function alertsPath(project) {
  return `/api/projects/${encodeURIComponent(project)}/watch/alerts`;
}

export class News {
  /** @param {string} project */
  constructor(project) {
    this.project = project;
    this.path = alertsPath(project);
    /**
     * Those that are known, the newest first.
     * @type {Alert[]}
     */
    this.items = [];
    /** @type {number | null} */
    this.next = null;
    this.askedAt = -Infinity;
    this.asking = false;
    this.timer = 0;
    /** @type {Set<Shows>} */
    this.shows = new Set();
    /** @type {Set<() => void>} */
    this.heard = new Set();
  }

  stop() {
    clearTimeout(this.timer);
    this.shows.clear();
    this.heard.clear();
  }

  /** @param {Shows} shows is told of news as long as it is in the page */
  begin(shows) {
    this.shows.add(shows);
    this.plan();
  }

  /**
   * Calls somebody when there are news; returns how to stop.
   * @param {() => void} heard
   */
  listen(heard) {
    this.heard.add(heard);
    return () => void this.heard.delete(heard);
  }

  /** How many nobody has seen in this browser; more may be known to the server. */
  get fresh() {
    const seen = lastSeenAlert(this.project);
    const count = this.items.filter(({ id }) => id > seen).length;
    return { count, more: count > 0 && count === this.items.length && this.next !== null };
  }

  /** Takes all that are known as seen. */
  see() {
    if (this.items.length) seeAlerts(this.project, this.items[0].id);
    this.tell();
  }

  tell() {
    for (const each of this.shows) each.show();
    for (const each of this.heard) each();
  }

  /** Asks when it is time, while somebody sees the page. */
  plan() {
    clearTimeout(this.timer);
    if (document.hidden) return;
    const wait = Math.max(this.askedAt + OFTEN_MS - performance.now(), FIRST_MS);
    this.timer = window.setTimeout(() => void this.#look(), wait);
  }

  /** Asks now; false where that would be too often. */
  ask() {
    if (document.hidden || this.asking || performance.now() - this.askedAt < SELDOM_MS) return false;
    void this.#ask(true).then(() => this.plan());
    return true;
  }

  /** Reads on behind the oldest that is known. */
  async more() {
    if (this.next === null) return;
    /** @type {AlertPage} */
    const page = await get(this.path, { after: this.next, limit: PAGE });
    const last = this.items[this.items.length - 1]?.id ?? Infinity;
    this.items = [...this.items, ...page.items.filter(({ id }) => id < last)];
    this.next = page.next;
    this.tell();
  }

  async #look() {
    for (const each of this.shows) if (!each.element.isConnected) this.shows.delete(each);
    if (!this.shows.size || document.hidden) return;
    await this.#ask([...this.shows].some((each) => each.isOpen()) || this.askedAt === -Infinity);
    this.plan();
  }

  /** @param {boolean} all whether to ask for a page of them, not only whether there is a new one */
  async #ask(all) {
    if (this.asking) return;
    this.asking = true;
    this.askedAt = performance.now();
    try {
      /** @type {AlertPage} */
      let page = await get(this.path, { limit: all ? PAGE : 1 });
      if (!all && page.items[0]?.id === this.items[0]?.id) return;
      if (!all) page = await get(this.path, { limit: PAGE });
      this.#take(page);
    } catch {
      // The page itself says when the server is away, or when one may not read; this asks again at its time.
    } finally {
      this.asking = false;
    }
  }

  /** @param {AlertPage} page the newest of them */
  #take({ items, next }) {
    const oldest = items[items.length - 1]?.id ?? 0;
    const older = this.items.filter(({ id }) => id < oldest);
    // What is known is kept where the page joins it: of runs that were deleted the alerts are gone.
    const joins = next !== null && older.length > 0 && this.items.some(({ id }) => id >= oldest);
    this.items = joins ? [...items, ...older] : items;
    this.next = joins ? this.next : next;
    // Where the catalog was made anew its numbers begin again: what comes then is new.
    const newest = this.items[0]?.id ?? 0;
    if (newest < lastSeenAlert(this.project)) seeAlerts(this.project, newest);
    this.tell();
  }
}

/** Alerts of one run that are shown. */
const MAX_OF_RUN = 100;

/** The alerts of one run: asked for once, and after that taken from the project's news. */
export class RunAlerts {
  /**
   * @param {string} project
   * @param {number} version
   * @param {(alerts: Alert[]) => void} changed is told them, the newest first
   */
  constructor(project, version, changed) {
    this.project = project;
    this.version = version;
    this.changed = changed;
    /** @type {Map<number, Alert>} */
    this.known = new Map();
    this.drawn = "";
    this.news = newsOf(project);
    this.close = this.news.listen(() => this.#add(this.news.items));
  }

  /** Asks for them; without them a page is shown all the same. */
  async read() {
    try {
      /** @type {AlertPage} */
      const page = await get(alertsPath(this.project), { version: this.version, limit: MAX_OF_RUN });
      this.#add(page.items);
    } catch {
      // What comes later is marked all the same.
    }
  }

  /** @param {Alert[]} alerts */
  #add(alerts) {
    for (const each of alerts) if (each.version_id === this.version) this.known.set(each.id, each);
    const all = [...this.known.values()].sort((a, b) => b.id - a.id);
    const drawn = JSON.stringify(all);
    if (!all.length || drawn === this.drawn) return;
    this.drawn = drawn;
    this.changed(all);
  }
}
