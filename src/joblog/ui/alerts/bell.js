// The bell in the header: how many alerts of the project are new to this browser, and below it what fired.

import { arrange, el, fill, say } from "../dom.js";
import { number } from "../format.js";
import { t } from "../i18n.js";
import { reasonWords } from "../log/verdicts.js";
import { paint } from "../log/text.js";
import { Popup } from "../popup.js";
import { lastSeenAlert } from "../preferences.js";
import { agoElement, refreshTimes } from "../times.js";
import { bell, lineLink, runLink, runOf } from "./links.js";
import { newsOf } from "./news.js";

/** @typedef {import("./news.js").Alert} Alert */

export class Bell extends Popup {
  /** @param {string} project */
  constructor(project) {
    const list = el("ul", { class: "alert-list" });
    const none = el("p", { class: "quiet" }, t("alertsNone"));
    const more = el("button", { type: "button", hidden: true }, t("more"));
    const problem = el("p", { class: "problem", role: "alert", hidden: true });
    super("…", t("alerts"), "menu bell", el("div", { class: "menu-list alerts", role: "region", "aria-label": t("alerts") }, none, list, problem, more));
    this.project = project;
    this.list = list;
    this.none = none;
    this.more = more;
    this.problem = problem;
    this.count = el("span", { class: "bell-count", hidden: true });
    /** Tells who hears the page; outside of what opens, which is not heard while it is closed. */
    this.status = el("span", { class: "unseen", role: "status" });
    fill(this.button, bell(), this.count);
    this.news = newsOf(project);
    /** Those that were new when the panel was opened are marked in it. */
    this.seen = lastSeenAlert(project);
    /** Items as they were drawn, and of what. @type {Map<number, {key: string, item: HTMLElement}>} */
    this.drawn = new Map();
    more.addEventListener("click", () => void this.#more());
    list.addEventListener("click", (event) => this.#clicked(event));
    this.element.addEventListener("toggle", () => {
      if (!this.element.open) return;
      this.seen = lastSeenAlert(project);
      this.show();
      this.news.ask();
    });
    this.show();
    this.news.begin(this);
  }

  isOpen() {
    return this.element.open;
  }

  show() {
    if (this.element.open && this.news.items.length && this.news.items[0].id > lastSeenAlert(this.project)) {
      this.news.see(); // which comes here again
      return;
    }
    const { count, more } = this.news.fresh;
    const shown = count ? `${number(count)}${more ? "+" : ""}` : "";
    const label = count ? t("alertsNew", shown) : t("alerts");
    say(this.count, shown);
    this.count.hidden = !count;
    this.button.setAttribute("aria-label", label);
    this.button.title = label;
    say(this.status, count ? label : "");
    if (this.element.open) this.#draw();
  }

  #draw() {
    const { items, next } = this.news;
    const now = Date.now();
    this.none.hidden = items.length > 0;
    this.more.hidden = next === null;
    /** @type {Bell["drawn"]} */
    const drawn = new Map();
    for (const alert of items) {
      const fresh = alert.id > this.seen;
      const key = JSON.stringify([alert, fresh]);
      const old = this.drawn.get(alert.id);
      if (old?.key === key) refreshTimes(old.item, now);
      drawn.set(alert.id, old?.key === key ? old : { key, item: this.#item(alert, fresh, now) });
    }
    this.drawn = drawn;
    const at = this.list.contains(document.activeElement) ? document.activeElement?.getAttribute("data-key") : null;
    arrange(this.list, [...drawn.values()].map(({ item }) => item));
    if (at && !this.list.contains(document.activeElement)) /** @type {HTMLElement | null} */ (this.list.querySelector(`[data-key="${at}"]`))?.focus();
  }

  /**
   * @param {Alert} alert
   * @param {boolean} fresh
   * @param {number} now
   */
  #item(alert, fresh, now) {
    const { project } = this;
    const to = lineLink(project, alert);
    const words = (/** @type {string} */ kind, /** @type {string} */ text) => {
      const made = el("span", { class: kind });
      paint(made, text);
      return made;
    };
    const run = el("a", { href: runLink(project, alert), "data-key": `${alert.id} run` }, words("alert-job", alert.job_name), ` ${runOf(alert)}`);
    const rank = (alert.task ?? "").replace("worker-", "");
    const line = to && el("a", { href: to, "data-key": `${alert.id} line` }, t("goToRankLine", number(alert.line ?? 0), rank));
    const often = alert.times > 1 ? el("span", { class: "quiet" }, t("alertTimes", number(alert.times)), " ", agoElement(alert.last_ms, now)) : null;
    const over = alert.resolved_ms === null ? null : el("span", { class: "badge good" }, t("alertOver"), " ", agoElement(alert.resolved_ms, now));
    return el(
      "li",
      { class: fresh ? "fresh" : null },
      el("div", { class: "alert-top" }, words("alert-rule", alert.rule), fresh ? el("span", { class: "badge busy" }, t("alertFresh")) : null, over, el("span", { class: "spacer" }), el("span", { class: "quiet" }, agoElement(alert.fired_ms, now))),
      words("alert-reason", reasonWords(alert.reason)),
      alert.text ? words("said", alert.text) : null,
      el("div", { class: "alert-where" }, run, line, often),
      alert.deliveries.length ? el("ul", { class: "deliveries quiet" }, ...alert.deliveries.map(delivered)) : null,
    );
  }

  async #more() {
    this.more.disabled = true;
    try {
      await this.news.more();
      this.problem.hidden = true;
    } catch (error) {
      say(this.problem, t("failed", error instanceof Error ? error.message : ""));
      this.problem.hidden = false;
    } finally {
      this.more.disabled = false;
    }
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    this.close();
    // The line that the address names already: the page goes there all the same.
    if (link.href === location.href && location.hash) window.dispatchEvent(new Event("hashchange"));
  }
}

/** @param {import("./news.js").Delivery} delivery */
function delivered({ receiver, state, tries, problem }) {
  const name = { sent: "deliverySent", failed: "deliveryFailed", waiting: "deliveryWaiting" }[state] ?? state;
  const met = state !== "sent" && problem ? `: ${problem}` : "";
  const made = el("li", { class: state === "failed" ? "failed" : null });
  paint(made, `${receiver} · ${t(name, number(tries))}${met}`);
  return made;
}
