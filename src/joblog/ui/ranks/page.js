// A version's ranks: how each is, what they say together, two of them beside each other.

import { ApiError, logPath } from "../api.js";
import { el, fill } from "../dom.js";
import { choice, header } from "../header.js";
import { t } from "../i18n.js";
import { listen } from "../log/keys.js";
import { members } from "../log/members.js";
import { Notice } from "../log/notice.js";
import { rankName } from "../log/place.js";
import { Merged } from "./merged.js";
import { beside, labelled } from "./rows.js";
import { Strip } from "./strip.js";

const TYPING_MS = 400;
const COLLAPSE = ["0", "1", "10", "60"];
const TASK = /^worker-\d+$/;

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
    this.timer = 0;
    this.total = place.logs.length;
    this.notice = new Notice();
    const asked = new URLSearchParams(location.search);
    const tasks = place.logs.map((each) => each.task);
    this.ranks = el("input", { type: "search", class: "ranks", value: asked.get("ranks") ?? "", placeholder: t("plotRanks"), "aria-label": t("plotRanks"), spellcheck: "false" });
    this.ranks.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.changed(), TYPING_MS);
    });
    const names = Object.fromEntries(COLLAPSE.map((each) => [each, each === "0" ? t("collapseNot") : t("collapseIn", each)]));
    this.collapse = this.#box(t("collapse"), asked.get("collapse") ?? "10", COLLAPSE, names);
    const called = Object.fromEntries(tasks.map((task) => [task, rankName(task)]));
    this.left = this.#box(t("sideLeft"), asked.get("left") ?? "", ["", ...tasks], { "": t("sideNone"), ...called });
    this.right = this.#box(t("sideRight"), asked.get("right") ?? "", ["", ...tasks], { "": t("sideNone"), ...called });
    this.at = el("input", { class: "jump", placeholder: t("goTime"), title: t("goTimeHelp"), "aria-label": t("goTime"), spellcheck: "false" });
    const when = el("form", {}, this.at);
    when.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#goTo(this.at.value.trim());
    });
    const button = (/** @type {string} */ name, /** @type {string | null} */ cursor) =>
      el("button", { type: "button", click: () => this.show(cursor) }, t(name));
    this.strip = new Strip(address, (logs) => (this.total = logs.length));
    this.merged = new Merged(address, (error) => this.#problem(error));
    this.heads = el("div", { class: "pair heads", hidden: true });
    this.element = el(
      "div",
      { class: "screen" },
      header(place.heading, place.elements, again, address.project),
      el(
        "main",
        { id: "main", tabindex: "-1" },
        el("div", { class: "tools", role: "toolbar", "aria-label": t("toolsOf") }, this.ranks, this.collapse, el("span", { class: "quiet" }, t("side")), this.left, this.right, el("span", { class: "spacer" }), button("top", ""), button("end", null), when),
        this.strip.element,
        el("div", { class: "log merged-page" }, this.heads, this.merged.element, this.notice.element),
      ),
    );
    this.unlisten = listen({ g: () => this.show(""), G: () => this.show(null), "/": () => this.ranks.focus(), ":": () => this.at.focus() });
  }

  begin() {
    void this.strip.look();
    this.show(null);
    this.merged.element.focus({ preventScroll: true });
  }

  close() {
    clearTimeout(this.timer);
    this.place.close();
    this.strip.close();
    this.merged.close();
    this.notice.close();
    this.unlisten();
  }

  /** Keeps what is chosen in the address, and shows it. */
  changed() {
    const chosen = { ranks: this.ranks.value.trim(), collapse: this.collapse.value, left: this.left.value, right: this.right.value };
    const query = new URLSearchParams(Object.entries({ from: this.address.task, ...chosen }).filter(([, value]) => value));
    history.replaceState(history.state, "", `${location.pathname}?${query}`);
    this.show(null);
  }

  /** @param {string | null} cursor as Merged.show takes it */
  show(cursor) {
    this.notice.say("");
    const [left, right] = [this.left.value, this.right.value];
    const two = TASK.test(left) && TASK.test(right) && left !== right;
    this.heads.hidden = !two;
    this.collapse.disabled = this.ranks.disabled = two;
    if (two) {
      const head = (/** @type {string} */ task) => el("a", { href: logPath({ ...this.address, task }) }, rankName(task));
      fill(this.heads, el("span", { class: "at" }), el("div", { class: "side" }, head(left)), el("div", { class: "side" }, head(right)));
      const ranks = [left, right].map((each) => each.replace("worker-", "")).join(",");
      void this.merged.show({ ranks, collapse: 0 }, beside(this.address, [left, right]), cursor);
      return;
    }
    const ranks = this.ranks.value.trim();
    const collapse = Number(this.collapse.value);
    const total = () => (/^[\d,-]+$/.test(ranks) ? [...members(ranks)].length : this.total);
    void this.merged.show({ ranks, collapse }, labelled(this.address, total, collapse > 0), cursor);
  }

  /** @param {string} moment so long ago, or a time of the reader's clock */
  #goTo(moment) {
    const ago = /^(\d{1,6})([smhd])$/.exec(moment);
    const unit = ago && { s: 1, m: 60, h: 3600, d: 86400 }[/** @type {"s" | "m" | "h" | "d"} */ (ago[2])];
    const at = ago && unit ? Date.now() - Number(ago[1]) * unit * 1000 : Date.parse(moment.replace(" ", "T"));
    if (Number.isNaN(at)) {
      this.notice.say(t("goTimeBad"));
      return;
    }
    this.at.blur();
    this.show(`${Math.max(Math.floor(at / 1000) - 1, 0)}.999999.0`); // behind all of the second before
  }

  /** @param {unknown} error */
  #problem(error) {
    const status = error instanceof ApiError ? error.status : 0;
    if (status === 401 || status === 403 || status === 404) this.failed(error);
    else if (status === 400) this.notice.say(t("failed", /** @type {ApiError} */ (error).message), true);
    else this.notice.say(t("retrying"));
  }

  /**
   * @param {string} label
   * @param {string} value
   * @param {string[]} values
   * @param {Record<string, string>} names
   */
  #box(label, value, values, names) {
    const box = choice(label, value, values, names);
    box.addEventListener("change", () => this.changed());
    return box;
  }
}
