// What is different from another run: new and gone lines, values that changed, each with a way to its place.

import { ApiError, get, logPath, versionPath } from "../api.js";
import { el, fill, say } from "../dom.js";
import { number, size } from "../format.js";
import { choice, header } from "../header.js";
import { t } from "../i18n.js";
import { runLine } from "../log/facts.js";
import { listen } from "../log/keys.js";
import { showKeys } from "../log/dialogs.js";
import { hashOf } from "../log/selection.js";

const COUNT = 50;
const AGAINST = ["good", "earlier", "ranks"];

/** The weight of a line that names a failure. */
const CAUSE = 0;

/**
 * @typedef {{task: string, start_line: number, end_line: number}} Where
 * @typedef {{text: string, line: string, count: number, ranks: string, rank_count: number, first: Where, weight: number, step: number | null}} Template
 * @typedef {{before: string, after: string, against: string, parted: Template | null, new: Template[], gone: Template[],
 *   values: {name: string, before: string, after: string, where: Where}[],
 *   counts: {text: string, before: number, after: number, where: Where}[],
 *   new_total: number, gone_total: number, read_bytes: number, unread_bytes: number, before_version_id: number}} Difference
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
    this.asking = new AbortController();
    const others = place.versions.filter((each) => each.id !== address.version).reverse();
    const names = Object.fromEntries(others.map((each) => [String(each.id), runLine(each)]));
    const chosenBy = { good: t("diffGood"), earlier: t("diffEarlier"), ranks: t("diffRanks") };
    const asked = new URLSearchParams(location.search).get("with") ?? "good";
    this.with = choice(t("diffWith"), asked, [...AGAINST, ...others.map((each) => String(each.id))], { ...chosenBy, ...names });
    this.with.addEventListener("change", () => this.#changed());
    this.status = el("span", { class: "quiet", role: "status" });
    this.list = el("div", { class: "differences" });
    this.element = el(
      "div",
      { class: "screen" },
      header(place.heading, place.elements, again, address.project),
      el(
        "main",
        { id: "main", tabindex: "-1" },
        el("div", { class: "tools", role: "toolbar", "aria-label": t("toolsOf") }, el("span", { class: "quiet", "aria-hidden": "true" }, t("diffWith")), this.with, el("span", { class: "spacer" }), this.status),
        el("div", { class: "diff-page", tabindex: "0", role: "group", "aria-label": t("section-diff") }, this.list),
      ),
    );
    this.unlisten = listen({ "?": () => showKeys() });
  }

  begin() {
    void this.look();
  }

  close() {
    this.asking.abort();
    this.place.close();
    this.unlisten();
  }

  #changed() {
    const query = new URLSearchParams({ from: this.address.task, with: this.with.value });
    history.replaceState(history.state, "", `${location.pathname}?${query}`);
    void this.look();
  }

  /** Asks until the server has read both runs whole. */
  async look() {
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    const chosen = this.with.value;
    const query = { [AGAINST.includes(chosen) ? "against" : "against_version"]: chosen, count: COUNT };
    say(this.status, `${t("loading")} …`);
    try {
      for (;;) {
        /** @type {Difference} */
        const made = await get(`/api${versionPath(this.address)}/diff`, query, signal);
        if (signal.aborted) return;
        if (!made.unread_bytes) {
          this.#show(made);
          return;
        }
        say(this.status, t("plotReading", size(made.unread_bytes)));
      }
    } catch (error) {
      if (signal.aborted) return;
      const status = error instanceof ApiError ? error.status : 0;
      if (status === 401 || status === 403) {
        this.failed(error);
        return;
      }
      say(this.status, "");
      fill(this.list, el("p", { role: "alert" }, status === 404 ? t("diffNoOther") : t("failed", error instanceof Error ? error.message : "")));
    }
  }

  /** @param {Difference} made */
  #show(made) {
    say(this.status, t("diffOf", made.after, made.before));
    const before = made.before_version_id;
    const { parted } = made;
    const sections = [
      parted ? el("p", { class: "parted" }, t("diffParted"), " ", this.#link(parted.first, this.address.version, parted.step), " ", el("code", {}, parted.line)) : null,
      this.#templates(t("diffNew"), made.new, made.new_total, this.address.version),
      this.#templates(t("diffGone"), made.gone, made.gone_total, made.against === "ranks" ? this.address.version : before),
      this.#rows(t("diffValues"), made.values.map((each) => [el("span", {}, el("strong", {}, each.name), " ", el("code", {}, each.before), " → ", el("code", {}, each.after)), each.where])),
      this.#rows(t("diffCounts"), made.counts.map((each) => [el("span", {}, `${number(each.before)} → ${number(each.after)} `, el("code", {}, each.text)), each.where])),
    ].filter((each) => each !== null);
    const plots = `${versionPath(this.address)}/plots?${new URLSearchParams({ from: this.address.task, with: String(before) })}`;
    const more = made.against === "ranks" || before === this.address.version ? null : el("p", {}, el("a", { href: plots }, t("diffPlots")));
    fill(this.list, ...(sections.length ? sections : [el("p", {}, t("diffNothing"))]), more);
  }

  /**
   * @param {string} title
   * @param {Template[]} templates
   * @param {number} total
   * @param {number} version whose lines they are
   */
  #templates(title, templates, total, version) {
    if (!templates.length) return null;
    const rows = templates.map((each) => {
      const who = each.rank_count === 1 ? t("ranksAre", each.ranks) : `${t("ranksCount", number(each.rank_count))} (${each.ranks})`;
      const kind = each.weight === CAUSE ? "cause" : null;
      return el("li", { class: kind }, el("span", { class: "times" }, `${number(each.count)}×`), " ", el("code", {}, each.line), " ", el("span", { class: "quiet" }, `${who} `, this.#link(each.first, version)));
    });
    const count = total > templates.length ? ` (${number(templates.length)} / ${number(total)})` : ` (${number(total)})`;
    return el("section", {}, el("h2", {}, title + count), el("ul", {}, ...rows));
  }

  /**
   * @param {string} title
   * @param {[HTMLElement, Where][]} rows
   */
  #rows(title, rows) {
    if (!rows.length) return null;
    return el("section", {}, el("h2", {}, title), el("ul", {}, ...rows.map(([text, where]) => el("li", {}, text, " ", this.#link(where, this.address.version)))));
  }

  /**
   * @param {Where} where
   * @param {number} version
   * @param {number | null} [step]
   */
  #link({ task, start_line: first }, version, step = null) {
    const at = step === null ? t("atLine", number(first)) : `${t("atLine", number(first))}, step ${step}`;
    return el("a", { href: logPath({ ...this.address, version, task }) + hashOf({ first, last: first }) }, at);
  }
}
