// The lines of several ranks in the order of their arrival, a page after the other, in bounded memory.

import { ApiError, get, versionPath } from "../api.js";
import { el, fill } from "../dom.js";
import { t } from "../i18n.js";

/** Lines of a page, and rows that are kept: what is far above is fetched anew by whoever goes back to it. */
const PAGE = 300;
const MOST_ROWS = 3000;

/** The server shows a second once it is 2 seconds old; asking more often would show nothing sooner. */
const AGAIN_MS = 1000;
const HIDDEN_MS = 10_000;
const TRY_AGAIN_MS = 2000;

/** How near to the end, in pixels, more is fetched. */
const NEAR = 600;

/**
 * @typedef {{text: string, ranks: string, count: number, at_ms: number, task: string, start_byte: number, end_byte: number}} Line
 * @typedef {{lines: Line[], next: string, at_end: boolean, closed: boolean}} Page
 * @typedef {{ranks: string, collapse: number}} Wanted
 * @typedef {{add: (lines: Line[], into: HTMLElement) => void}} Drawing how lines become rows
 */

export class Merged {
  /**
   * @param {import("../api.js").Address} address
   * @param {(error: unknown) => void} failed
   */
  constructor(address, failed) {
    this.path = `/api${versionPath(address)}/merged`;
    this.failed = failed;
    this.rows = el("div", { class: "merged-rows", role: "list", "aria-label": t("mergedLines") });
    this.none = el("p", { class: "quiet none", hidden: true }, t("mergedNone"));
    this.element = el("div", { class: "merged", tabindex: "0" }, this.rows, this.none);
    this.asking = new AbortController();
    this.timer = 0;
    this.next = "";
    this.atEnd = false;
    this.following = false;
    this.resizing = new ResizeObserver(() => this.#toEnd());
    this.resizing.observe(this.element);
    this.element.addEventListener("scroll", () => this.#scrolled());
    this.element.addEventListener("wheel", (event) => {
      if (event.deltaY < 0) this.following = false;
    }, { passive: true });
  }

  close() {
    this.#stop();
    this.resizing.disconnect();
  }

  #stop() {
    this.asking.abort();
    clearTimeout(this.timer);
  }

  /**
   * Begins anew: at the end, which is followed, or behind a cursor; "" is the beginning.
   * @param {Wanted} wanted
   * @param {Drawing} drawing
   * @param {string | null} cursor null: at the end
   */
  async show(wanted, drawing, cursor) {
    this.#stop();
    this.asking = new AbortController();
    this.wanted = wanted;
    this.drawing = drawing;
    this.next = cursor ?? "";
    this.following = cursor === null;
    this.atEnd = false;
    fill(this.rows);
    await this.#ask(cursor === null ? { start: -PAGE } : { cursor: this.next });
  }

  /** @param {Record<string, string | number>} from */
  async #ask(from) {
    clearTimeout(this.timer);
    const { signal } = this.asking;
    const { wanted, drawing } = this;
    if (!wanted || !drawing) return;
    this.running = true;
    try {
      const query = { ranks: wanted.ranks, collapse: wanted.collapse || null, ...from, ...("cursor" in from ? { count: PAGE } : {}) };
      /** @type {Page} */
      const page = await get(this.path, query, signal);
      if (signal.aborted) return;
      drawing.add(page.lines, this.rows);
      while (this.rows.childElementCount > MOST_ROWS) this.rows.firstElementChild?.remove();
      this.none.hidden = this.rows.childElementCount > 0;
      if (page.next !== "0.0.0") this.next = page.next;
      this.atEnd = page.at_end;
      this.running = false;
      this.#toEnd();
      if (!page.at_end) this.#scrolled();
      else if (!page.closed) this.#later(document.hidden ? HIDDEN_MS : AGAIN_MS);
    } catch (error) {
      if (signal.aborted) return;
      this.running = false;
      this.failed(error);
      if (!(error instanceof ApiError && error.status >= 400 && error.status < 500)) this.#later(TRY_AGAIN_MS);
    }
  }

  /** @param {number} ms */
  #later(ms) {
    this.timer = window.setTimeout(() => void this.#ask({ cursor: this.next }), ms);
  }

  #toEnd() {
    if (this.following) this.element.scrollTop = this.element.scrollHeight;
  }

  #scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.element;
    const left = scrollHeight - scrollTop - clientHeight;
    if (left < 2 && this.atEnd) this.following = true;
    if (!this.running && !this.atEnd && (this.following || left < NEAR)) void this.#ask({ cursor: this.next });
  }
}
