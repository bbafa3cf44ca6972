// The plots of a version: what its ranks print as numbers, beside those of another version if one likes.

import { ApiError, get, versionPath } from "../api.js";
import { el, fill, say } from "../dom.js";
import { number, size } from "../format.js";
import { choice, header } from "../header.js";
import { t } from "../i18n.js";
import { listen } from "../log/keys.js";
import { showKeys } from "../log/dialogs.js";
import { onTheme } from "../preferences.js";
import { Chart } from "./chart.js";
import { Others } from "./others.js";
import { plotsOf } from "./series.js";

const AGAIN_MS = 4000;
const HIDDEN_MS = 30_000;
const TYPING_MS = 300;

/** Points of a curve: as many as a wide screen has pixels. */
const POINTS = 1500;

/** Plots at first, and as many more each time. */
const SHOWN = 12;

/** Ranks that are drawn unless others are asked for. */
const MOST_AT_FIRST = 4;

/**
 * @typedef {import("./series.js").Points} Points
 * @typedef {{items: Points[], read_bytes: number, unread_bytes: number}} Metrics
 */

export class VersionPage {
  /**
   * @param {import("../api.js").Address} address
   * @param {import("../log/place.js").Place} place
   * @param {() => void} again
   * @param {(error: unknown) => void} failed
   */
  constructor(address, place, again, failed) {
    this.address = address;
    this.place = place;
    this.failed = failed;
    const asked = new URLSearchParams(location.search);
    /** @type {import("./series.js").Over | null} */
    this.over = asked.get("over") === "time" ? "time" : asked.get("over") === "step" ? "step" : null;
    this.most = SHOWN;
    this.timer = 0;
    this.asking = new AbortController();
    /** @type {Map<string, Chart>} */
    this.charts = new Map();
    /** @type {{run: import("./series.js").Run, items: Points[]}[]} */
    this.found = [];
    const typed = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string} */ value) => {
      const input = el("input", { type: "search", "aria-label": label, placeholder: label, title: label, value, class: name, spellcheck: "false", autocomplete: "off" });
      input.addEventListener("input", () => this.#later(TYPING_MS));
      return input;
    };
    this.names = typed("names", t("plotNames"), asked.get("names") ?? "");
    this.ranks = typed("ranks", t("plotRanks"), asked.get("ranks") ?? "");
    this.overBox = choice(t("plotOver"), this.over ?? "step", ["step", "time"], { step: t("overStep"), time: t("overTime") });
    this.overBox.addEventListener("change", () => {
      this.over = /** @type {import("./series.js").Over} */ (this.overBox.value);
      this.#changed();
    });
    this.others = new Others(address, () => this.#changed());
    this.with = asked.get("with") ?? "";
    this.smooth = el("input", { type: "range", min: 0, max: 0.98, step: 0.02, value: share(asked.get("smooth")), "aria-label": t("smoothing"), title: t("smoothing") });
    this.smooth.addEventListener("input", () => this.#later(0));
    this.log = el("button", { type: "button", title: t("logScaleHelp"), "aria-pressed": String(asked.get("log") === "yes"), click: () => this.#turnLog() }, t("logScale"));
    this.told = el("span", { class: "quiet", role: "status" });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.plots = el("div", { class: "plots" });
    this.more = el("button", { type: "button", hidden: true, click: () => this.#showMore() }, t("more"));
    const reset = el("button", { type: "button", title: t("plotWhole"), click: () => this.#repaint() }, t("plotWhole"));
    this.element = el(
      "div",
      { class: "screen" },
      header(place.heading, place.elements, again, address.project),
      el("main", { id: "main", tabindex: "-1" }, el("div", { class: "tools", role: "toolbar", "aria-label": t("toolsOf") }, this.names, this.ranks, this.others.element, this.overBox, el("label", { class: "smooth" }, el("span", { "aria-hidden": "true" }, t("smoothing")), this.smooth), this.log, reset, el("span", { class: "spacer" }), this.told),
      el("div", { class: "plots-page", tabindex: "0", role: "group", "aria-label": t("section-plots") }, this.problem, this.plots, this.more)),
    );
    this.unlisten = listen({ "/": () => this.names.focus(), "?": () => showKeys() });
    this.untheme = onTheme(() => this.#repaint());
  }

  begin() {
    void this.others.read(this.with).then(() => this.look());
  }

  get logarithmic() {
    return this.log.getAttribute("aria-pressed") === "true";
  }

  #turnLog() {
    this.log.setAttribute("aria-pressed", String(!this.logarithmic));
    this.#changed();
  }

  close() {
    clearTimeout(this.timer);
    this.asking.abort();
    this.place.close();
    this.unlisten();
    this.untheme();
    for (const chart of this.charts.values()) chart.close();
  }

  /** Keeps what is chosen in the address, and looks anew. */
  #changed() {
    const kept = { names: this.names.value.trim(), ranks: this.ranks.value.trim(), with: this.others.text, over: this.over ?? "", smooth: this.smooth.value === "0" ? "" : this.smooth.value, log: this.logarithmic ? "yes" : "" };
    const query = new URLSearchParams(Object.entries({ from: this.address.task, ...kept }).filter(([, value]) => value));
    history.replaceState(history.state, "", `${location.pathname}?${query}`);
    void this.look();
  }

  /** @param {number} ms */
  #later(ms) {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.#changed(), ms);
  }

  #showMore() {
    this.most += SHOWN;
    this.#show();
  }

  /** Asks for the numbers; again at once while the server has not read all of the logs, and while they grow. */
  async look() {
    clearTimeout(this.timer);
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    const own = this.place.versions.find((each) => each.id === this.address.version);
    const { job, version: id } = this.address;
    const runs = [{ job, id, number: own?.number ?? 0, name: `#${own?.number ?? 0}` }, ...this.others.chosen.values()];
    try {
      const found = await Promise.all(runs.map((run) => this.#metrics(run, signal)));
      if (signal.aborted) return;
      this.found = found.map(({ items }, i) => ({ run: runs[i], items }));
      const unread = found.reduce((sum, each) => sum + each.unread_bytes, 0);
      say(this.problem, "");
      this.#show();
      if (unread) say(this.told, t("plotReading", size(unread)));
      const open = !own || own.ended_ms === null;
      if (unread || open) this.timer = window.setTimeout(() => void this.look(), unread ? 0 : document.hidden ? HIDDEN_MS : AGAIN_MS);
    } catch (error) {
      if (signal.aborted) return;
      const asked = error instanceof ApiError && error.status >= 400 && error.status < 500;
      if (asked && error.status !== 400) {
        this.failed(error);
        return;
      }
      say(this.problem, asked ? t("failed", error.message) : t("retrying"));
      if (!asked) this.timer = window.setTimeout(() => void this.look(), AGAIN_MS);
    }
  }

  /**
   * @param {{job: number, id: number}} run
   * @param {AbortSignal} signal
   * @returns {Promise<Metrics>}
   */
  #metrics({ job, id: version }, signal) {
    const { logs } = this.place;
    const ranks = this.ranks.value.trim() || (logs.length > MOST_AT_FIRST ? this.address.task.replace("worker-", "") : "");
    return get(`/api${versionPath({ ...this.address, job, version })}/metrics`, { ranks, points: POINTS }, signal);
  }

  #show() {
    const stepped = this.found.some(({ items }) => items.some(({ steps }) => steps.some((step) => step !== null)));
    const over = this.over ?? (stepped ? "step" : "time");
    this.overBox.value = over;
    const wanted = this.names.value.trim().toLowerCase().split(/[\s,]+/).filter(Boolean);
    const all = plotsOf(this.found, over).filter(({ name }) => !wanted.length || wanted.some((each) => name.toLowerCase().includes(each)));
    const shown = all.slice(0, this.most);
    say(this.told, t("plotsShown", number(shown.length), number(all.length)));
    this.more.hidden = shown.length >= all.length;
    /** @type {Map<string, Chart>} */
    const kept = new Map();
    for (const plot of shown) {
      const old = this.charts.get(plot.name);
      /** @type {{over: import("./series.js").Over, smooth: number, logarithmic: boolean}} */
      const how = { over, smooth: Number(this.smooth.value), logarithmic: this.logarithmic };
      const same = old && old.over === over && old.logarithmic === how.logarithmic;
      if (same) old.update(plot, how.smooth);
      kept.set(plot.name, same ? old : new Chart(this.address, plot, how));
    }
    for (const chart of this.charts.values()) if (![...kept.values()].includes(chart)) chart.close();
    this.charts = kept;
    const elements = [...kept.values()].map((chart) => chart.element);
    const same = elements.length === this.plots.children.length && elements.every((each, i) => each === this.plots.children[i]);
    if (same && elements.length) return;
    fill(this.plots, ...(elements.length ? elements : [el("p", { class: "quiet" }, t("plotNone"))]));
  }

  #repaint() {
    for (const chart of this.charts.values()) chart.repaint();
  }
}

/**
 * How much curves are smoothed, as an address says it.
 * @param {string | null} text
 */
function share(text) {
  const value = Number(text ?? 0);
  return value >= 0 && value <= 0.98 ? value : 0;
}
