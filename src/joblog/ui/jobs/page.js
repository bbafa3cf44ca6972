// The jobs of a project: what runs, how it went, why it failed.

import { newsOf } from "../alerts/news.js";
import { ApiError, get } from "../api.js";
import { arrange, el, fill, say } from "../dom.js";
import { number } from "../format.js";
import { choice, header, unseenHeading } from "../header.js";
import { t } from "../i18n.js";
import { listen } from "../log/keys.js";
import { Causes } from "./causes.js";
import { firstLog } from "./empty.js";
import { parsed, said, withLabel, withState } from "./filter.js";
import { jobRow, runRows } from "./rows.js";
import { refreshTimes } from "../times.js";
import { Tabs } from "./tabs.js";

const PAGE = 50;
const MAX_SHOWN = 1000;
const AGAIN_MS = 2000;
const HIDDEN_MS = 15_000;
const TYPING_MS = 250;
const MAX_RUNS = 20;
const MAX_SEARCH = 64;

/**
 * @typedef {import("./rows.js").JobRow} JobRow
 * @typedef {import("./rows.js").LastRun} LastRun
 * @typedef {{items: JobRow[], total: number, now_ms: number, states: Record<string, number>}} Overview
 */

/**
 * The columns: what they are called, and what they are sorted by.
 * @type {[string, string | null][]}
 */
const COLUMNS = [
  ["open", "runs"],
  ["job", "name"],
  ["state", "status"],
  ["lastLine", null],
  ["progress", null],
  ["started", "recent"],
  ["duration", "duration"],
  ["ranks", null],
  ["sizeOf", null],
];

/**
 * @param {string | null} project
 * @param {() => void} again
 * @param {(error: unknown) => void} failed
 * @returns {Promise<import("../main.js").Page>}
 */
export async function jobsPage(project, again, failed) {
  /** @type {{items: import("../api.js").Project[]}} */
  const projects = await get("/api/projects", { limit: 1000 });
  const ids = projects.items.map((each) => each.id);
  const chosen = project ?? (ids.includes("default") ? "default" : ids[0]);
  if (chosen === undefined) throw new ApiError(404, "not_found", "no project");
  return new JobsPage(chosen, ids, again, failed);
}

class JobsPage {
  /**
   * @param {string} project
   * @param {string[]} projects
   * @param {() => void} again
   * @param {(error: unknown) => void} failed
   */
  constructor(project, projects, again, failed) {
    this.project = project;
    this.failed = failed;
    this.sort = "-recent";
    this.limit = PAGE;
    this.timer = 0;
    this.turn = 0;
    this.fired = -1;
    this.closed = false;
    this.path = `/api/projects/${encodeURIComponent(project)}`;
    const asked = new URLSearchParams(location.search);
    /** Jobs whose runs are shown, and those as far as they are here. @type {Map<number, LastRun[]>} */
    this.opened = new Map(asked.getAll("open").filter((each) => /^\d{1,15}$/.test(each)).map((each) => /** @type {[number, LastRun[]]} */ ([Number(each), []])));
    /** @type {Overview | null} */
    this.seen = null;
    /** Rows as they were drawn, and of what. @type {Map<string, {key: string, row: HTMLElement}>} */
    this.drawn = new Map();
    this.causes = new Causes(project, () => this.draw());
    const box = choice(t("project"), project, projects.includes(project) ? projects : [project, ...projects]);
    box.addEventListener("change", () => {
      history.pushState(null, "", `/projects/${encodeURIComponent(box.value)}/`);
      again();
    });
    const text = [asked.get("q") ?? "", ...asked.getAll("label").map((each) => said("label", each))].filter(Boolean).join(" ");
    this.search = el("input", { type: "search", class: "filter", value: text, placeholder: t("filterExample"), "aria-label": t("searchJobs"), title: t("filterHelp"), spellcheck: "false", autocomplete: "off", maxlength: 1000 });
    this.search.addEventListener("input", () => this.typed());
    this.wrong = el("p", { class: "problem", role: "alert" });
    this.tabs = new Tabs((state) => this.choose(withState(this.search.value, state)));
    this.count = el("span", { class: "quiet", role: "status" });
    this.heads = el("tr");
    this.rows = el("tbody");
    this.table = el("table", { class: "jobs", hidden: true }, el("thead", {}, this.heads), this.rows);
    this.more = el("button", { type: "button", hidden: true, click: () => this.showMore() }, t("more"));
    this.none = el("div", { class: "none" }, el("p", { class: "quiet" }, `${t("loading")} …`));
    this.notice = el("p", { class: "problem", role: "alert" });
    const tools = el("div", { class: "tools", role: "search", "aria-label": t("searchJobs") }, this.search, this.tabs.element, el("span", { class: "spacer" }), this.count);
    this.element = el(
      "div",
      { class: "screen" },
      header(unseenHeading(`${t("jobs")}: ${project}`), [box], again, project),
      el("main", { id: "main", tabindex: "-1" }, tools, el("div", { class: "jobs-page", scroll: () => this.explain() }, this.wrong, this.notice, this.table, this.none, this.more)),
    );
    this.rows.addEventListener("click", (event) => this.clicked(event));
    this.unlisten = listen({ "/": () => this.search.focus() });
    this.onVisible = () => {
      if (!document.hidden) void this.look();
    };
    this.onResize = () => this.draw();
    window.addEventListener("resize", this.onResize);
    document.addEventListener("visibilitychange", this.onVisible);
    document.title = `${t("jobs")} · joblog`;
    this.showHeads();
  }

  begin() {
    void this.look();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.causes.close();
    this.unlisten();
    document.removeEventListener("visibilitychange", this.onVisible);
    window.removeEventListener("resize", this.onResize);
  }

  /** @param {number} ms */
  later(ms) {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = window.setTimeout(() => void this.look(), ms);
  }

  typed() {
    this.keep();
    this.later(TYPING_MS);
  }

  /** @param {string} text */
  choose(text) {
    this.search.value = text;
    this.keep();
    void this.look();
  }

  /** Keeps in the address what is looked for, and what is open. */
  keep() {
    const kept = [["q", this.search.value.trim()], ...[...this.opened.keys()].map((job) => ["open", String(job)])];
    const query = new URLSearchParams(kept.filter(([, value]) => value)).toString();
    history.replaceState(history.state, "", location.pathname + (query && `?${query}`));
  }

  async look() {
    clearTimeout(this.timer);
    const turn = ++this.turn;
    const { search, states, labels, wrong } = parsed(this.search.value);
    say(this.wrong, wrong.length ? t("filterWrong", wrong.join(" ").slice(0, 200)) : "");
    try {
      const asked = { search: search.slice(0, MAX_SEARCH), label: labels, status: states.join(","), sort: this.sort, limit: this.limit };
      /** @type {[Overview, ...LastRun[][]]} */
      const [seen, ...runs] = await Promise.all([get(`${this.path}/overview`, asked), ...[...this.opened.keys()].map((job) => this.runsOf(job))]);
      if (this.closed || turn !== this.turn) return;
      [...this.opened.keys()].forEach((job, i) => this.opened.set(job, runs[i] ?? []));
      this.seen = seen;
      this.draw();
      this.ring(seen);
      this.tabs.show(states, seen.states);
      say(this.notice, "");
    } catch (error) {
      if (this.closed || turn !== this.turn) return;
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) {
        this.failed(error);
        return;
      }
      say(this.notice, t("retrying"));
    }
    this.later(document.hidden ? HIDDEN_MS : AGAIN_MS);
  }

  /**
   * Has the bell look at once where a run that is shown has more alerts than before.
   * @param {Overview} seen
   */
  ring({ items }) {
    const fired = items.reduce((sum, { last }) => sum + (last?.alerts ?? 0), 0);
    if (this.fired < 0 || fired <= this.fired || newsOf(this.project).ask()) this.fired = fired;
  }

  /** @param {number} job */
  async runsOf(job) {
    /** @type {{items: LastRun[]}} */
    const runs = await get(`${this.path}/runs`, { job, limit: MAX_RUNS });
    return runs.items;
  }

  showMore() {
    this.limit = Math.min(this.limit + PAGE * 2, MAX_SHOWN);
    void this.look();
  }

  draw() {
    const { seen } = this;
    if (!seen || this.closed) return;
    say(this.count, seen.total ? t("jobsShown", number(seen.items.length), number(seen.total)) : "");
    this.more.hidden = seen.items.length >= seen.total || this.limit >= MAX_SHOWN;
    this.table.hidden = !seen.total;
    this.none.hidden = seen.total > 0;
    if (!seen.total) fill(this.none, ...(this.search.value.trim() === "" ? [firstLog(this.project)] : this.noMatch()));
    this.table.classList.toggle("moving", seen.items.some((job) => job.last?.progress));
    this.showRows(seen);
    this.explain();
  }

  /** Asks why those runs failed that are in sight. */
  explain() {
    if (this.seen) void this.causes.look(this.seen.items, (job) => this.inSight(job));
  }

  /**
   * Draws what has changed: the rest stays as it is, under the mouse and the keys.
   * @param {Overview} seen
   */
  showRows({ items, now_ms: now }) {
    /** @type {JobsPage["drawn"]} */
    const drawn = new Map();
    /**
     * @param {string} id
     * @param {unknown} of
     * @param {() => HTMLElement} make
     */
    const row = (id, of, make) => {
      const key = JSON.stringify(of);
      const old = this.drawn.get(id);
      if (old?.key === key) refreshTimes(old.row, now);
      drawn.set(id, old?.key === key ? old : { key, row: make() });
    };
    const columns = [...this.heads.children].filter((head) => getComputedStyle(head).display !== "none").length;
    for (const job of items) {
      const [runs, cause] = [this.opened.get(job.id), this.causes.of(job)];
      row(`${job.id}`, [job, cause, runs !== undefined], () => jobRow(this.project, job, now, runs !== undefined, cause));
      if (runs) row(`${job.id} runs`, [job.runs, runs, columns], () => runRows(this.project, job, runs, now, columns));
    }
    this.drawn = drawn;
    const at = this.rows.contains(document.activeElement) && document.activeElement?.getAttribute("data-key");
    arrange(this.rows, [...drawn.values()].map((each) => each.row));
    if (at && !this.rows.contains(document.activeElement)) /** @type {HTMLElement | null} */ (this.rows.querySelector(`[data-key="${CSS.escape(at)}"]`))?.focus();
  }

  /** @param {JobRow} job */
  inSight({ id }) {
    const box = this.rows.querySelector(`tr[data-job="${id}"]`)?.getBoundingClientRect();
    return box !== undefined && box.bottom > 0 && box.top < window.innerHeight;
  }

  noMatch() {
    const clear = () => {
      this.choose("");
      this.search.focus();
    };
    return [el("p", { class: "quiet" }, t("noMatch")), el("p", {}, el("button", { type: "button", click: clear }, t("filterClear")))];
  }

  /** @param {Event} event */
  clicked(event) {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const label = button?.getAttribute("data-label");
    const job = Number(button?.getAttribute("data-open"));
    if (label) this.choose(withLabel(this.search.value, label));
    else if (job) {
      if (!this.opened.delete(job)) this.opened.set(job, []);
      this.keep();
      this.draw();
      void this.look();
    }
  }

  showHeads() {
    fill(
      this.heads,
      ...COLUMNS.map(([name, by]) => {
        const direction = this.sort === by ? "ascending" : this.sort === `-${by}` ? "descending" : null;
        const arrow = direction === "ascending" ? " ↑" : direction ? " ↓" : "";
        const label = by !== null ? el("button", { type: "button", click: () => this.sortBy(by) }, t(name) + arrow) : t(name);
        return el("th", { scope: "col", class: name, "aria-sort": direction }, label);
      }),
    );
  }

  /** @param {string} by */
  sortBy(by) {
    this.sort = this.sort === `-${by}` ? by : this.sort === by ? `-${by}` : by === "name" ? by : `-${by}`;
    this.showHeads();
    void this.look();
  }
}
