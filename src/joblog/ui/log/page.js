// A log's page: puts the parts together.

import { get, logPath } from "../api.js";
import { el, say } from "../dom.js";
import { header } from "../header.js";
import { number } from "../format.js";
import { t } from "../i18n.js";
import { prefer, preference } from "../preferences.js";
import { Bar } from "./bar.js";
import { Clip } from "./clip.js";
import { copyRows } from "./copying.js";
import { showKeys, showLine } from "./dialogs.js";
import { Finding } from "./finding.js";
import { listen, logKeys, searchFirst } from "./keys.js";
import { Notice } from "./notice.js";
import { Pager } from "./pager.js";
import { Place } from "./place.js";
import { row } from "./row.js";
import { Scroller } from "./scroller.js";
import { Selection, fromHash } from "./selection.js";
import { TerminalView } from "./terminal.js";
import { Tools } from "./tools.js";
import { Why } from "./why.js";
import { Watch } from "./watch.js";
import { goalOf, isMoment, lineAtMoment, lineOfHash } from "./where.js";

const ROW_PIXELS = 20;

/** About as many rows are seen. */
const SCREEN = 50;

/**
 * @typedef {import("../api.js").Address} Address
 * @typedef {import("../api.js").Log} Log
 */

/**
 * Shows a log.
 * @param {Address} address
 * @param {() => void} again shows the page anew
 * @param {(error: unknown) => void} failed
 * @returns {Promise<import("../main.js").Page>}
 */
export async function logPage(address, again, failed) {
  /** @type {Log} */
  const log = await get(`/api${logPath(address)}`);
  return new LogPage(address, log, again, failed);
}

class LogPage {
  /**
   * @param {Address} address
   * @param {Log} log
   * @param {() => void} again
   * @param {(error: unknown) => void} failed
   */
  constructor(address, log, again, failed) {
    this.address = address;
    this.log = log;
    this.failed = failed;
    this.following = false;
    this.left = 0;
    this.begun = false;
    this.unfolded = new Set();
    this.lines = el("div", { class: "lines", id: "lines", tabindex: "0", role: "list", "aria-label": t("logLines") });
    this.news = el("button", { type: "button", class: "news", hidden: true, click: () => this.follow(true) });
    this.notice = new Notice();
    this.empty = el("p", { class: "empty-log quiet", hidden: true }, t("emptyLog"));
    /** @type {TerminalView | null} */
    this.terminal = null;
    this.bar = new Bar((line) => this.jump(line, "top"));
    this.pager = new Pager(address, (first, end) => this.arrived(first, end), () => {
      this.notice.trying(true);
      this.around();
    });
    this.scroller = new Scroller(this.lines, ROW_PIXELS, (line) => this.draw(line), (view) => this.moved(view));
    this.selection = new Selection(() => this.showSelection());
    this.clip = new Clip(address, () => this.selection.lines, this.notice);
    /** @type {import("./tools.js").Acts} */
    const acts = {
      follow: () => this.follow(!this.following),
      wrap: () => this.wrap(preference("wrap") === "no"),
      times: () => this.times(preference("times") === "no"),
      terminal: () => this.asTerminal(!this.terminal),
      top: () => this.jump(this.pager.start, "top"),
      end: () => (this.log.closed ? this.toEnd() : this.follow(true)),
      jump: (to) => this.jumpTo(to),
      search: (question) => this.finding.ask(question),
      list: () => this.finding.list(),
      next: () => this.finding.go("forward"),
      previous: () => this.finding.go("backward"),
      error: () => this.finding.error("forward"),
      errorBefore: () => this.finding.error("backward"),
      endSearch: () => this.endSearch(),
      copy: () => void this.clip.copyLines(),
      link: () => void this.clip.copyLink(),
      unselect: () => this.selection.clear(),
      help: () => showKeys(),
      escape: () => {
        this.selection.clear();
        this.tools.found.clear();
        this.endSearch();
      },
    };
    /** @type {Tools} */
    this.tools = new Tools(address, acts);
    this.finding = new Finding(address, {
      where: () => this.view?.first ?? this.pager.start,
      jump: (line) => this.jump(line, "middle"),
      rows: () => this.rows,
      count: (text) => this.tools.found.tell(text),
      say: (text) => this.notice.say(text),
    });
    this.why = new Why(address, this.notice, (task) => this.place.setFirst(task));
    this.place = new Place(address, "log", (version, tasks, job) => void this.why.show(version, tasks, job).catch(() => undefined), (alerts) => this.finding.showFired(alerts));
    this.watch = new Watch(address, (seen) => this.seen(seen), (trying) => this.notice.trying(trying), failed);
    const hovers = [this.empty, this.news, this.tools.selection, this.notice.element];
    this.body = el("div", { class: "log", click: (/** @type {MouseEvent} */ event) => this.clicked(event) }, this.lines, this.finding.map.element, this.bar.element, ...hovers);
    this.body.addEventListener("copy", (event) => copyRows(event, this.rows));
    this.element = el(
      "div",
      { class: "screen" },
      header(this.place.heading, this.place.elements, again, address.project),
      el("main", { id: "main", tabindex: "-1" }, this.tools.element, this.why.element, this.body, this.finding.results.element),
    );
    this.onHash = () => this.hashChanged();
    window.addEventListener("hashchange", this.onHash);
    const stops = [listen(logKeys(acts, this.tools)), searchFirst(this.tools.found.input, () => this.tools.found.focus())];
    this.unlisten = () => stops.forEach((stop) => stop());
    this.wrap(preference("wrap") === "yes");
    this.times(preference("times") === "yes");
    this.tools.showTerminal(false);
    this.tools.showFollowing(false);
    this.showSelection();
  }

  /** Shows the first lines, then fills in what stands around them. */
  begin() {
    void this.show(this.log).then(() => {
      const wanted = fromHash(location.hash);
      // Asked for before the browser begins to lay the page out: the answer comes meanwhile.
      if (!location.hash && preference("view") !== "terminal") this.pager.want(this.pager.end - SCREEN, this.pager.end);
      this.lines.focus({ preventScroll: true });
      if (preference("view") === "terminal") this.asTerminal(true, null);
      if (wanted) this.jump(wanted.first, "middle");
      else if (location.hash.startsWith("#B")) void this.beginAtByte();
      else if (this.log.closed) this.toEnd();
      else this.follow(true);
      if (this.terminal || this.scroller.end === this.scroller.start || this.pager.line(this.scroller.start)) this.around();
    });
  }

  async beginAtByte() {
    let found = false;
    await this.notice.attempt(async () => {
      found = await this.jumpToByte();
    });
    if (!found) this.toEnd();
  }

  /** Looks at what stands around the lines, once: when the first of them are there. */
  around() {
    if (this.begun || !(this.terminal ?? this).scroller.placed) return;
    this.begun = true;
    if (!this.log.closed) this.watch.begin();
    this.place.fill().catch(() => undefined);
  }

  close() {
    this.watch.close();
    this.place.close();
    this.finding.close();
    this.pager.close();
    this.scroller.close();
    this.terminal?.close();
    this.unlisten();
    window.removeEventListener("hashchange", this.onHash);
    this.notice.close();
  }

  /** @param {Log} log */
  async seen(log) {
    if (log.closed !== this.log.closed || log.start_line !== this.log.start_line) void this.place.refresh().catch(() => undefined);
    if (log.end_byte !== this.log.end_byte || log.closed !== this.log.closed || log.start_byte !== this.log.start_byte) {
      await this.show(log);
    }
    if (log.closed && this.following) this.follow(false);
  }

  /**
   * Takes in how the log is now.
   * @param {Log} log
   */
  async show(log) {
    const unfinished = !log.closed && log.partial_byte < log.end_byte;
    await this.pager.setUnfinished(unfinished ? log.partial_byte : 0, unfinished ? log.end_byte : 0);
    const before = this.pager.end;
    const end = log.end_line + (log.closed && log.partial_byte < log.end_byte ? 1 : 0);
    this.log = log;
    this.pager.setRange(log.start_line, end);
    this.scroller.setRange(log.start_line, end + (unfinished ? 1 : 0));
    this.scroller.redraw(before, before + 1);
    if (unfinished && end !== before) this.scroller.redraw(end, end + 1);
    for (const lines of [this.lines, this.terminal?.element]) lines?.style.setProperty("--digits", String(Math.max(String(end).length, 3)));
    this.terminal?.setLog(log);
    this.tools.showLog(log);
    this.finding.map.showLog(log);
    this.empty.hidden = log.end_byte > log.start_byte;
    this.showNews();
  }

  /** @param {number} line */
  draw(line) {
    const drawn = row(line, this.pager.line(line), {
      unfold: (each) => this.unfold(each),
      isUnfolded: (each) => this.unfolded.has(each),
      showAll: (cut) => showLine(this.address, cut),
    });
    if (this.selection.has(line)) drawn.classList.add("selected");
    return drawn;
  }

  /**
   * @param {number} first
   * @param {number} end
   */
  arrived(first, end) {
    this.scroller.redraw(first, end);
    this.finding.mark();
    this.around();
  }

  /** @param {import("./scroller.js").View} view */
  moved(view) {
    this.view = view;
    this.finding.mark();
    this.bar.show(this.scroller.start, this.scroller.end, view.first, view.last);
    if (!this.terminal) this.pager.want(view.drawnFirst, Math.min(view.drawnEnd, this.pager.end));
    if (!view.byUser) return;
    if (this.following && !view.atEnd) this.follow(false);
    else if (!this.following && view.atEnd && !this.log.closed) this.follow(true);
  }

  /** @param {boolean} following */
  follow(following) {
    this.following = following && !this.log.closed;
    this.left = this.pager.end;
    (this.terminal ?? this.scroller).stick(this.following);
    this.tools.showFollowing(this.following);
    this.showNews();
  }

  showNews() {
    const count = this.pager.end - this.left;
    this.news.hidden = this.following || count <= 0 || this.left === 0;
    if (!this.news.hidden) say(this.news, `↓ ${count === 1 ? t("newLine") : t("newLines", number(count))}`);
  }

  /**
   * @param {number} line
   * @param {"top" | "middle"} where
   */
  jump(line, where) {
    if (this.following) this.follow(false);
    (this.terminal ?? this.scroller).jump(line, where);
  }

  toEnd() {
    (this.terminal ?? this.scroller).toEnd();
  }

  /** The rows that are drawn. */
  get rows() {
    return (this.terminal ?? this.scroller).rows;
  }

  /**
   * Shows the log as a terminal does, or raw; what is seen stays in sight.
   * @param {boolean} shown
   * @param {number | null} [line]
   */
  asTerminal(shown, line = this.view?.first ?? null) {
    prefer("view", shown ? "terminal" : "raw");
    this.terminal?.close();
    this.terminal?.element.remove();
    this.terminal = null;
    if (shown) {
      this.terminal = new TerminalView(this.address, {
        moved: (view) => this.moved(view),
        arrived: () => {
          this.finding.mark();
          this.around();
        },
        failed: () => this.notice.trying(true),
        attempt: (act) => this.notice.attempt(act),
        isSelected: (first, last) => this.selection.touches(first, last),
        showAll: (cut) => showLine(this.address, cut),
      }, preference("times") === "yes");
      this.terminal.element.classList.toggle("wrapped", preference("wrap") === "yes");
      this.terminal.element.style.setProperty("--digits", this.lines.style.getPropertyValue("--digits"));
      this.lines.before(this.terminal.element);
      this.terminal.setLog(this.log);
    }
    this.lines.hidden = shown;
    this.tools.showTerminal(shown);
    (this.terminal?.element ?? this.lines).focus({ preventScroll: true });
    if (this.following) (this.terminal ?? this.scroller).stick(true);
    else if (line !== null && this.view?.atEnd) this.toEnd();
    else if (line !== null) (this.terminal ?? this.scroller).jump(line, "top");
  }

  /**
   * Goes where somebody has typed: a line, a share of the lines, lines from the end, a moment.
   * @param {string} to
   */
  jumpTo(to) {
    if (isMoment(to)) {
      void this.notice.attempt(async () => this.jump(await lineAtMoment(this.address, to), "top"));
      return true;
    }
    const several = /^L?(\d{1,15})\s*-\s*L?(\d{1,15})$/i.exec(to);
    if (several) {
      this.selection.select(Math.min(Number(several[1]), this.scroller.end - 1), false);
      this.selection.select(Math.min(Number(several[2]), this.scroller.end - 1), true);
      this.jump(Number(several[1]), "middle");
      return true;
    }
    const goal = goalOf(to, this.scroller.start, this.scroller.end);
    if (!goal) return false;
    if (goal.exact) this.selection.select(goal.line, false);
    this.jump(goal.line, goal.exact ? "middle" : "top");
    return true;
  }

  hashChanged() {
    this.selection.readHash();
    if (this.selection.lines) this.jump(this.selection.lines.first, "middle");
    else
      void this.notice.attempt(async () => {
        await this.jumpToByte();
      });
  }

  /** Goes to the line that the address names by one of its bytes, and selects it; its number is the address then. */
  async jumpToByte() {
    const line = await lineOfHash(this.address, location.hash);
    if (line === null) return false;
    this.selection.select(line, false);
    this.jump(line, "middle");
    return true;
  }

  /** @param {boolean} wrapped */
  wrap(wrapped) {
    prefer("wrap", wrapped ? "yes" : "no");
    for (const lines of [this.lines, this.terminal?.element]) lines?.classList.toggle("wrapped", wrapped);
    this.tools.showWrap(wrapped);
    const shown = this.terminal ?? this.scroller;
    if (this.view && !this.following) shown.jump(this.view.first, "top");
    else shown.refresh();
  }

  /** @param {boolean} shown whether each line has the time of its arrival before it */
  times(shown) {
    prefer("times", shown ? "yes" : "no");
    this.lines.classList.toggle("timed", shown);
    this.tools.showTimes(shown);
    this.pager.setTimed(shown);
    if (this.terminal) this.asTerminal(true);
  }

  endSearch() {
    this.finding.end();
    (this.terminal?.element ?? this.lines).focus({ preventScroll: true });
  }

  /** @param {number} line */
  unfold(line) {
    if (!this.unfolded.delete(line)) this.unfolded.add(line);
    this.scroller.redraw(line, line + 1);
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const number = event.target instanceof Element ? event.target.closest("a.no") : null;
    if (!number) return;
    event.preventDefault();
    const row = /** @type {HTMLElement} */ (number.closest(".row"));
    const line = Number(row.dataset.line);
    this.selection.select(line, event.shiftKey, Number(row.dataset.last ?? line));
  }

  showSelection() {
    for (const drawn of this.rows) {
      const line = Number(drawn.dataset.line);
      drawn.classList.toggle("selected", this.selection.touches(line, Number(drawn.dataset.last ?? line)));
    }
    this.tools.showSelection(this.selection.lines);
  }
}
