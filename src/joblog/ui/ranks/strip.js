// All ranks at a glance: a cell for each, and how they ended or are, the odd ones first.

import { get, logPath, versionPath } from "../api.js";
import { el, fill } from "../dom.js";
import { number, size, time } from "../format.js";
import { t } from "../i18n.js";
import { members } from "../log/members.js";
import { hashOf } from "../log/selection.js";
import { stateKind } from "../log/state.js";
import { endingWords } from "../log/verdicts.js";
import { Tip } from "./tip.js";

const AGAIN_MS = 5000;

/** How ranks ended is read from their logs: asked for when one has, and so often for those that fall silent. */
const DIGEST_MS = 60_000;
const MOST_ENDINGS = 8;

/**
 * @typedef {import("../api.js").Log} Log
 * @typedef {{task: string, status: string, reason: string | null, host: string | null}} Task
 * @typedef {import("../log/why.js").Ended} Ended
 * @typedef {import("../log/why.js").Digest} Digest
 */

export class Strip {
  /**
   * @param {import("../api.js").Address} address
   * @param {(logs: Log[]) => void} known
   */
  constructor(address, known) {
    this.address = address;
    this.known = known;
    this.timer = 0;
    this.closed = false;
    /** @type {Digest | null} */
    this.digest = null;
    /** @type {[Log[], Task[]]} */
    this.seen = [[], []];
    this.asked = { states: "", at: 0 };
    this.cells = el("div", { class: "cells", role: "group", "aria-label": t("section-ranks") });
    this.legend = el("p", { class: "legend" });
    this.endings = el("ul", { class: "endings" });
    this.tip = new Tip(address, this.cells);
    this.element = el("section", { class: "strip", tabindex: "0", "aria-label": t("section-ranks") }, this.cells, this.legend, this.endings, this.tip.element);
  }

  close() {
    this.closed = true;
    this.tip.hide();
    clearTimeout(this.timer);
  }

  async look() {
    clearTimeout(this.timer);
    if (this.closed) return;
    const path = `/api${versionPath(this.address)}`;
    let open = true;
    try {
      /** @type {[{items: Log[]}, {items: Task[]}]} */
      const [logs, tasks] = await Promise.all([get(`${path}/logs`, { limit: 1000 }), get(`${path}/tasks`, { limit: 1000 })]);
      if (this.closed) return;
      this.seen = [logs.items, tasks.items];
      this.#show();
      const states = JSON.stringify([logs.items.map((each) => each.closed), tasks.items.map((each) => each.status)]);
      if (states !== this.asked.states || Date.now() - this.asked.at > DIGEST_MS) {
        this.asked = { states, at: Date.now() };
        void this.#ask(`${path}/why`);
      }
      this.known(logs.items);
      open = logs.items.some((each) => !each.closed);
    } catch {
      if (this.closed) return; // the lines below say when the server is away
    }
    if (open) this.timer = window.setTimeout(() => void this.look(), document.hidden ? DIGEST_MS : AGAIN_MS);
  }

  /**
   * How the ranks ended takes longer to tell than that they did.
   * @param {string} path
   */
  async #ask(path) {
    try {
      /** @type {Digest} */
      const digest = await get(path);
      if (this.closed) return;
      this.digest = digest;
      this.#show();
    } catch {
      this.asked.states = ""; // with the next look
    }
  }

  #show() {
    const [logs, tasks] = this.seen;
    const known = new Map(tasks.map((each) => [each.task, each]));
    const endings = this.digest?.endings ?? [];
    const usual = Math.max(...endings.map((each) => each.count), 0);
    const first = this.digest?.first?.where.task ?? null;
    const odd = new Set(first ? [] : endings.filter((each) => each.count < usual).flatMap((each) => [...members(each.ranks)]));
    const statusOf = (/** @type {Log} */ log) => known.get(log.task)?.status ?? (log.closed ? "UNKNOWN" : "RUNNING");
    const cell = (/** @type {Log} */ log) => {
      const rank = Number(log.task.replace("worker-", ""));
      const status = statusOf(log);
      const isFirst = log.task === first;
      const facts = [t("ranksAre", rank), isFirst ? t("failedFirst") : t(status), known.get(log.task)?.host ?? "", size(log.end_byte - log.start_byte), time(log.appended_ms)];
      const kind = `cell ${stateKind(status)} ${isFirst ? "failed-first" : odd.has(rank) ? "odd-one" : ""}`;
      return el("a", { class: kind, href: logPath({ ...this.address, task: log.task }), "data-rank": rank, "data-key": log.task, "aria-label": facts.filter(Boolean).join(" · ") }, String(rank));
    };
    const at = this.cells.contains(document.activeElement) && document.activeElement?.getAttribute("data-key");
    const nodes = byNode(logs, known);
    fill(
      this.cells,
      ...nodes.map(([host, members]) =>
        el("div", { class: "node", role: "group", "aria-label": host || t("section-ranks") }, nodes.length > 1 ? el("span", { class: "host" }, host || t("noHost")) : null, ...members.map(cell)),
      ),
    );
    if (at) /** @type {HTMLElement | null} */ (this.cells.querySelector(`[data-key="${at}"]`))?.focus();
    fill(this.legend, ...this.#legend(logs.map(statusOf), first !== null));
    fill(this.endings, ...(endings.length > 1 ? endings.slice(0, MOST_ENDINGS).map((each) => this.#ending(each, each.count < usual)) : []));
  }

  /**
   * What the colours mean, and how many ranks have which.
   * @param {string[]} statuses
   * @param {boolean} marked
   */
  #legend(statuses, marked) {
    const counts = new Map();
    for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
    const entries = [...counts].map(([status, count]) => el("span", {}, el("span", { class: `cell swatch ${stateKind(status)}`, "aria-hidden": "true" }), ` ${t(status)} ${number(count)}`));
    if (marked) entries.push(el("span", {}, el("span", { class: "cell swatch bad failed-first", "aria-hidden": "true" }), ` ${t("failedFirst")}`));
    return entries;
  }

  /**
   * @param {Ended} ended
   * @param {boolean} odd
   */
  #ending(ended, odd) {
    const { start_line: first, end_line: end, task } = ended.where;
    const link = logPath({ ...this.address, task }) + hashOf({ first, last: Math.max(end - 1, first) });
    const name = ended.count > 1 ? t("ranksMany", ended.ranks) : t("ranksAre", ended.ranks);
    return el("li", { class: odd ? "odd-one" : null }, el("a", { href: link }, name), ` (${number(ended.count)}): ${endingWords(ended.how)}`);
  }
}

/**
 * The logs of each host, in the order of their first ranks; together where nobody has said a host.
 * @param {Log[]} logs
 * @param {Map<string, Task>} known
 * @returns {[string, Log[]][]}
 */
export function byNode(logs, known) {
  /** @type {Map<string, Log[]>} */
  const nodes = new Map();
  for (const log of logs) {
    const host = known.get(log.task)?.host ?? "";
    nodes.set(host, [...(nodes.get(host) ?? []), log]);
  }
  return [...nodes];
}
