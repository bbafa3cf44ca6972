// One plot: uPlot with the page's colours, the point that was clicked, and a link to its line.

import uPlot from "../vendor/uplot/uPlot.esm.js";
import { bytesLink, get, logPath } from "../api.js";
import { el, fill } from "../dom.js";
import { duration, shortNumber, time } from "../format.js";
import { t } from "../i18n.js";
import { paint } from "../log/text.js";
import { aligned, isPositive, nearest, rankOf, smoothed } from "./series.js";

const HEIGHT = 230;
const LEAST_WIDTH = 240;

/** What is shown of the line that a point is from, in bytes. */
const LINE_BYTES = 400;

/**
 * @typedef {import("./series.js").Plot} Plot
 * @typedef {import("./series.js").Curve} Curve
 */

export class Chart {
  /**
   * @param {{project: string, job: number}} job
   * @param {Plot} plot
   * @param {{over: import("./series.js").Over, smooth: number, logarithmic: boolean}} how
   */
  constructor(job, plot, { over, smooth, logarithmic }) {
    this.job = job;
    this.over = over;
    this.smooth = smooth;
    this.logarithmic = logarithmic;
    this.plot = this.#smoothed(plot);
    this.at = -1;
    this.canvas = el("div", { class: "canvas", tabindex: "0", role: "group", "aria-label": `${plot.name}: ${t("plotKeys")}`, keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event) });
    const title = plot.unit ? `${plot.name} (${plot.unit})` : plot.name;
    this.larger = el("button", { type: "button", class: "larger", "aria-pressed": "false", "aria-label": `${t("fullSize")}: ${plot.name}`, title: t("fullSize"), click: () => this.#turnFull() }, "⤢");
    this.picked = el("p", { class: "picked", "aria-live": "polite" }, el("span", { class: "quiet" }, t("plotHelp")));
    this.element = el("section", { class: "plot", "data-metric": plot.name }, el("div", { class: "plot-top" }, el("h2", {}, title), this.larger), this.canvas, this.picked);
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.full) this.#turnFull();
    });
    /** @type {uPlot | null} */
    this.drawn = null;
    this.turn = 0;
    this.resizing = new ResizeObserver(() => this.#fit());
    this.resizing.observe(this.canvas);
  }

  close() {
    this.resizing.disconnect();
    this.drawn?.destroy();
    this.drawn = null;
  }

  /**
   * Takes newer numbers; what was zoomed to stays in sight.
   * @param {Plot} newer
   * @param {number} smooth
   */
  update(newer, smooth) {
    this.smooth = smooth;
    const plot = this.#smoothed(newer);
    const same = plot.curves.length === this.plot.curves.length && plot.curves.every((each, i) => each.label === this.plot.curves[i].label);
    this.plot = plot;
    if (!this.drawn) return;
    if (!same) {
      this.drawn.destroy();
      this.drawn = null;
      this.#fit();
      return;
    }
    const { min, max } = this.drawn.scales.x;
    const all = this.drawn.data[0];
    const zoomed = min !== all[0] || max !== all[all.length - 1];
    this.drawn.setData(this.#data(), !zoomed);
    if (zoomed) this.drawn.redraw();
  }

  /** Draws in the colours of now. */
  repaint() {
    this.drawn?.destroy();
    this.drawn = null;
    this.#fit();
  }

  get full() {
    return this.element.classList.contains("full");
  }

  /** As large as the window, or as before. */
  #turnFull() {
    this.larger.setAttribute("aria-pressed", String(this.element.classList.toggle("full")));
    this.#fit();
  }

  /** @param {Plot} plot */
  #smoothed(plot) {
    return { ...plot, curves: plot.curves.map((curve) => ({ ...curve, y: smoothed(curve.y, this.smooth) })) };
  }

  /** @returns {uPlot.AlignedData} */
  #data() {
    const [x, ...curves] = aligned(this.plot.curves);
    const shown = this.#isLog ? curves.map((y) => y.map((value) => (typeof value === "number" && value <= 0 ? null : value))) : curves;
    return /** @type {uPlot.AlignedData} */ ([x, ...shown]);
  }

  get #isLog() {
    return this.logarithmic && isPositive(this.plot.curves);
  }

  /**
   * Arrows go from point to point, in all plots at once; Enter tells the line of one.
   * @param {KeyboardEvent} event
   */
  #key(event) {
    const { drawn } = this;
    if (!drawn || event.target !== this.canvas) return;
    const x = drawn.data[0];
    const { min, max } = drawn.scales.x;
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (step) {
      event.preventDefault();
      const first = x.findIndex((each) => each >= (min ?? -Infinity));
      const from = this.at < 0 ? first - step : this.at;
      this.at = Math.min(Math.max(from + step, first), x.length - 1);
      if (x[this.at] > (max ?? Infinity)) this.at -= 1;
      const there = { left: drawn.valToPos(x[this.at], "x"), top: drawn.over.clientHeight / 2 };
      /** @type {any} */ (drawn).setCursor(there, true, true); // the third, which its types leave out: in the other plots too
    } else if (event.key === "Enter" && this.at >= 0) {
      event.preventDefault();
      const curve = this.plot.curves.find((each, i) => drawn.series[i + 1]?.show && each.x.includes(x[this.at]));
      if (curve) void this.#pick(curve, curve.x.indexOf(x[this.at])).then(() => this.picked.querySelector("a")?.focus());
    }
  }

  #fit() {
    const height = this.full ? Math.max(window.innerHeight - 190, HEIGHT) : HEIGHT;
    const width = Math.max(this.canvas.clientWidth, LEAST_WIDTH);
    if (!this.canvas.isConnected) return;
    if (this.drawn) this.drawn.setSize({ width, height });
    else this.#draw(width, height);
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  #draw(width, height) {
    fill(this.canvas);
    const quiet = this.#ink("quiet");
    const grid = { stroke: this.#ink("grid"), width: 1 };
    const axis = { stroke: quiet, grid, ticks: grid };
    const said = (/** @type {number | null | undefined} */ x) => (x === null || x === undefined ? "--" : this.#saidX(x));
    this.drawn = new uPlot(
      {
        width,
        height,
        scales: { x: { time: false }, y: this.#isLog ? { distr: 3 } : {} },
        cursor: { sync: { key: `joblog-${this.over}`, scales: ["x", null] }, drag: { x: true, y: false }, points: { size: 7 } },
        legend: { live: true },
        axes: [
          { ...axis, values: (_, splits) => splits.map((x) => (this.over === "time" ? duration(x * 1000) : shortNumber(x))) },
          { ...axis, size: 64, values: (_, splits) => splits.map(shortNumber) },
        ],
        series: [
          { label: t(this.over === "time" ? "overTime" : this.plot.axis === "epoch" ? "overEpoch" : "overStep"), value: (_, x) => said(x) },
          ...this.plot.curves.map((curve) => ({
            label: curve.label,
            stroke: this.#ink(`ink-${curve.colour}`),
            width: 1.5,
            dash: curve.dashed ? [6, 4] : [],
            points: { show: curve.x.length < 40 },
            value: (/** @type {uPlot} */ _, /** @type {number | null} */ y) => (y === null || y === undefined ? "--" : shortNumber(y)),
          })),
        ],
      },
      this.#data(),
      this.canvas,
    );
    this.#listen(this.drawn);
  }

  /** @param {uPlot} drawn */
  #listen(drawn) {
    let down = 0;
    drawn.over.addEventListener("mousedown", (event) => (down = event.clientX));
    drawn.over.addEventListener("click", (event) => {
      if (Math.abs(event.clientX - down) > 4) return; // it was a zoom
      const box = drawn.over.getBoundingClientRect();
      const shown = this.plot.curves.filter((_, i) => drawn.series[i + 1]?.show);
      const at = { left: event.clientX - box.left, top: event.clientY - box.top };
      const found = nearest(shown, (x) => drawn.valToPos(x, "x"), (y) => drawn.valToPos(y, "y"), at.left, at.top);
      if (found) void this.#pick(found.curve, found.i);
    });
  }

  /**
   * Says what a point is, with a link to the line that it is from.
   * @param {Curve} curve
   * @param {number} i
   */
  async #pick(curve, i) {
    const turn = ++this.turn;
    const at = curve.at[i];
    const { points, run } = curve;
    const byte = points.bytes[at];
    const address = { ...this.job, job: run.job ?? this.job.job, version: run.id, task: points.task };
    const step = points.steps[at];
    const facts = [run.name ?? `#${run.number}`, t("ranksAre", rankOf(points.task)), step === null ? "" : t("atStep", shortNumber(step)), time(points.times_ms[at])];
    const text = el("code", { class: "from" });
    const link = el("a", { href: bytesLink(address, byte) }, t("toLine"));
    fill(this.picked, el("strong", {}, `${this.plot.name} ${points.values[at]}`), ` ${facts.filter(Boolean).join(" · ")} `, link, text);
    /** @type {import("../api.js").Lines} */
    const lines = await get(`/api${logPath(address)}/lines`, { byte, count: 1, cut: LINE_BYTES });
    if (turn !== this.turn) return;
    link.textContent = t("atLine", lines.start_line);
    paint(text, lines.content.replace(/\n$/, "").split("\r").filter(Boolean).pop() ?? "");
  }

  /** @param {number} x */
  #saidX(x) {
    return this.over === "time" ? duration(x * 1000) : shortNumber(x);
  }

  /**
   * A colour as the stylesheet has it for the present theme: a canvas knows no variables.
   * @param {string} name
   */
  #ink(name) {
    const probe = el("span", { class: name });
    this.canvas.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  }
}
