// A log as a terminal shows it: what was overwritten, erased or drawn again is folded, and unfolds.

import { get, logPath } from "../api.js";
import { el } from "../dom.js";
import { number, size } from "../format.js";
import { t } from "../i18n.js";
import { linkAddresses } from "./addresses.js";
import { arrival, small } from "./row.js";
import { Scroller } from "./scroller.js";
import { severity } from "./severity.js";
import { Shown } from "./shown.js";
import { paint } from "./text.js";

const ROW_PIXELS = 20;

/** A longer line is cut on the screen. */
const MOST_TEXT = 4096;

/** Frames of an unfolded line that are fetched at a time. */
const FRAMES = 500;

/**
 * What was drawn over, as far as it was fetched; next is the byte where more begins.
 * @typedef {{texts: string[], next: number, more: boolean}} Unfolded
 * @typedef {import("./shown.js").ShownLine} ShownLine
 * @typedef {{moved: (view: import("./scroller.js").View) => void, arrived: () => void, failed: (error: unknown) => void,
 *   attempt: (act: () => Promise<void>) => Promise<void>, isSelected: (first: number, last: number) => boolean,
 *   showAll: (line: import("../api.js").Cut) => void}} Page
 */

export class TerminalView {
  /**
   * @param {import("../api.js").Address} address
   * @param {Page} page
   * @param {boolean} timed whether each line has the time of its arrival before it
   */
  constructor(address, page, timed) {
    this.address = address;
    this.page = page;
    /** @type {Map<number, Unfolded>} */
    this.unfolded = new Map();
    this.following = false;
    this.goal = 0;
    this.seen = 0;
    this.element = el("div", { class: timed ? "lines terminal timed" : "lines terminal", tabindex: "0", role: "list", "aria-label": t("logLines") });
    this.shown = new Shown(address, (from, end) => this.#changed(from, end), page.failed, timed);
    this.scroller = new Scroller(this.element, ROW_PIXELS, (line) => this.#draw(line), (view) => this.#moved(view));
  }

  close() {
    this.shown.close();
    this.scroller.close();
  }

  get rows() {
    return this.scroller.rows;
  }

  /** @param {import("../api.js").Log} log */
  setLog(log) {
    this.shown.setLog(log);
  }

  /**
   * Shows a raw line.
   * @param {number} raw
   * @param {"top" | "middle"} where
   */
  jump(raw, where) {
    this.following = false;
    this.#go(raw, where);
  }

  toEnd() {
    this.#go(null, "top");
  }

  /** Whether the end stays in sight. */
  stick(/** @type {boolean} */ stuck) {
    this.following = stuck;
    if (stuck) this.toEnd();
    else this.scroller.stick(false);
  }

  refresh() {
    this.scroller.refresh();
  }

  /**
   * @param {number | null} raw
   * @param {"top" | "middle"} where
   */
  #go(raw, where) {
    const turn = ++this.goal;
    const put = () => {
      const line = raw === null ? null : (this.shown.numberOf(raw) ?? this.shown.end - 1);
      if (line === null) this.following ? this.scroller.stick(true) : this.scroller.toEnd();
      else this.scroller.jump(line, where);
    };
    const here = raw === null ? this.shown.atEnd && this.shown.end > this.shown.first : this.shown.numberOf(raw) !== null;
    if (here) put();
    else
      void this.page.attempt(async () => {
        if ((await this.shown.open(raw)) && turn === this.goal) put();
      });
  }

  /**
   * @param {number} from
   * @param {number} end
   */
  #changed(from, end) {
    const { scroller, shown } = this;
    const [drawn, seen] = [scroller.first, this.seen];
    // Lines at the log's end can be drawn over, so that there are fewer than before.
    const lost = scroller.rows.length > 0 && (shown.first > drawn || shown.end < drawn + scroller.rows.length);
    scroller.setRange(shown.first, shown.end);
    if (lost && scroller.placed && !scroller.stuck) scroller.jump(Math.max(Math.min(seen, shown.end - 1), shown.first), "top");
    scroller.redraw(from, end);
    this.page.arrived();
  }

  /** @param {import("./scroller.js").View} view */
  #moved(view) {
    this.seen = view.first;
    this.shown.want(view.drawnFirst, view.drawnEnd);
    const [top, bottom] = [this.shown.line(view.first), this.shown.line(view.last)];
    if (!top || !bottom) return;
    this.page.moved({ ...view, first: top.start_line, last: Math.max(bottom.end_line - 1, top.start_line), atEnd: view.atEnd && this.shown.atEnd });
  }

  /**
   * @param {number} at
   * @returns {HTMLElement}
   */
  #draw(at) {
    const line = this.shown.line(at);
    const text = el("span", { class: "text" });
    const made = el("div", { class: "row", role: "listitem" }, arrival(line?.at), text);
    if (!line) {
      made.classList.add("absent");
      return made;
    }
    const last = Math.max(line.end_line - 1, line.start_line);
    const lines = last === line.start_line ? t("atLine", line.start_line) : t("shownLines", number(line.start_line), number(last));
    const title = `${lines} · ${t("shownBytes", number(line.start_byte), number(Math.max(line.end_byte - 1, line.start_byte)))}`;
    const where = el("a", { class: "no", href: `#L${line.start_line}`, tabindex: "-1", "aria-label": lines, title }, String(line.start_line));
    made.prepend(where);
    Object.assign(made.dataset, { line: line.start_line, last, start: line.start_byte, end: line.end_byte });
    const tells = severity(line.text);
    if (tells) made.classList.add(tells);
    if (this.page.isSelected(line.start_line, last)) made.classList.add("selected");
    this.#fill(text, at, line);
    return made;
  }

  /**
   * @param {HTMLElement} text
   * @param {number} at
   * @param {ShownLine} line
   */
  #fill(text, at, line) {
    const open = this.unfolded.get(line.start_byte);
    if (open) text.append(small(t("framesFold"), () => this.#unfold(at, line)));
    for (const frame of open?.texts ?? []) {
      const drawn = el("span", { class: "frame" });
      paint(drawn, frame.slice(0, MOST_TEXT));
      text.append(drawn);
    }
    if (open?.more) text.append(small(t("more"), () => this.#more(line)));
    if (!open) paint(text, painted(line));
    linkAddresses(text);
    if (line.frames > 1 && !open) text.append(small(t("frames", number(line.frames - 1)), () => this.#unfold(at, line)));
    if (line.cut || line.text.length > MOST_TEXT) {
      const cut = { line: line.start_line, start_byte: line.start_byte, end_byte: line.end_byte };
      text.append(small(t("cutLine", size(line.end_byte - line.start_byte)), () => this.page.showAll(cut)));
    }
  }

  /**
   * @param {number} at
   * @param {ShownLine} line
   */
  #unfold(at, line) {
    if (this.unfolded.delete(line.start_byte)) this.scroller.redraw(at, at + 1);
    else void this.#more(line);
  }

  /** @param {ShownLine} line */
  async #more(line) {
    const open = this.unfolded.get(line.start_byte) ?? { texts: [], next: line.start_byte, more: true };
    await this.page.attempt(async () => {
      const asked = { start_byte: open.next, end_byte: line.end_byte, count: FRAMES };
      /** @type {{frames: {text: string}[], end_byte: number}} */
      const found = await get(`/api${logPath(this.address)}/frames`, asked);
      const texts = [...open.texts, ...found.frames.map((frame) => frame.text)];
      const more = found.frames.length > 0 && found.end_byte < line.end_byte;
      this.unfolded.set(line.start_byte, { texts, next: found.end_byte, more });
    });
    const at = this.shown.numberOf(line.start_line);
    if (at !== null) this.scroller.redraw(at, at + 1);
  }
}

/**
 * A line with its looks as escapes, which is how lines are painted. The server counts characters, not halves of them.
 * @param {ShownLine} line
 */
function painted({ text, spans }) {
  if (!spans.length) return text.slice(0, MOST_TEXT);
  const characters = [...text.slice(0, MOST_TEXT)];
  let made = "";
  let at = 0;
  for (const [start, end, pen] of spans) {
    if (start >= characters.length) break;
    made += `${characters.slice(at, start).join("")}\x1b[0;${pen}m${characters.slice(start, end).join("")}\x1b[0m`;
    at = end;
  }
  return made + characters.slice(at).join("");
}
