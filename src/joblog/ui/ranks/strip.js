// All ranks at a glance: a cell for each, and how they ended or are, the odd ones first.

import { get, logPath, versionPath } from "../api.js";
import { el, fill } from "../dom.js";
import { number, size, time } from "../format.js";
import { t } from "../i18n.js";
import { members } from "../log/members.js";
import { hashOf } from "../log/selection.js";

const AGAIN_MS = 5000;

/** How ranks ended is read from their logs: asked for when one has, and so often for those that fall silent. */
const DIGEST_MS = 60_000;
const MOST_ENDINGS = 8;

const KINDS = { RUNNING: "busy", COMPLETED: "good", FAILED: "bad", LOST: "bad", KILLED: "warn" };

/**
 * @typedef {import("../api.js").Log} Log
 * @typedef {{task: string, status: string, reason: string | null, host: string | null}} Task
 * @typedef {import("../log/why.js").Ended} Ended
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
    /** @type {Ended[]} */
    this.ended = [];
    this.asked = { states: "", at: 0 };
    this.cells = el("div", { class: "cells", role: "list", "aria-label": t("ranks") });
    this.endings = el("ul", { class: "endings" });
    this.element = el("section", { class: "strip" }, this.cells, this.endings);
  }

  close() {
    this.closed = true;
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
      const states = JSON.stringify([logs.items.map((each) => each.closed), tasks.items.map((each) => each.status)]);
      if (states !== this.asked.states || Date.now() - this.asked.at > DIGEST_MS) {
        /** @type {{endings: Ended[]}} */
        const digest = await get(`${path}/why`);
        this.ended = digest.endings;
        this.asked = { states, at: Date.now() };
      }
      if (this.closed) return;
      this.#show(logs.items, tasks.items, this.ended);
      this.known(logs.items);
      open = logs.items.some((each) => !each.closed);
    } catch {
      if (this.closed) return; // the lines below say when the server is away
    }
    if (open) this.timer = window.setTimeout(() => void this.look(), document.hidden ? DIGEST_MS : AGAIN_MS);
  }

  /**
   * @param {Log[]} logs
   * @param {Task[]} tasks
   * @param {Ended[]} endings
   */
  #show(logs, tasks, endings) {
    const said = new Map(tasks.map((each) => [each.task, each]));
    const usual = Math.max(...endings.map((each) => each.count), 0);
    const odd = new Set(endings.filter((each) => each.count < usual).flatMap((each) => [...members(each.ranks)]));
    fill(
      this.cells,
      ...logs.map((log) => {
        const rank = Number(log.task.replace("worker-", ""));
        const task = said.get(log.task);
        const status = task?.status ?? (log.closed ? "UNKNOWN" : "RUNNING");
        const kind = Object.hasOwn(KINDS, status) ? KINDS[/** @type {keyof typeof KINDS} */ (status)] : "";
        const title = [t("ranksAre", rank), t(status), task?.host ?? "", size(log.end_byte - log.start_byte), time(log.appended_ms)].filter(Boolean).join(" · ");
        const link = el("a", { class: `cell ${kind} ${odd.has(rank) ? "odd-one" : ""}`, href: logPath({ ...this.address, task: log.task }), title, "aria-label": title }, String(rank));
        return el("span", { role: "listitem" }, link);
      }),
    );
    fill(this.endings, ...(endings.length > 1 ? endings.slice(0, MOST_ENDINGS).map((each) => this.#ending(each, each.count < usual)) : []));
  }

  /**
   * @param {Ended} ended
   * @param {boolean} odd
   */
  #ending(ended, odd) {
    const { start_line: first, end_line: end, task } = ended.where;
    const link = logPath({ ...this.address, task }) + hashOf({ first, last: Math.max(end - 1, first) });
    const name = ended.count > 1 ? t("ranksMany", ended.ranks) : t("ranksAre", ended.ranks);
    return el("li", { class: odd ? "odd-one" : null }, el("a", { href: link }, name), ` (${number(ended.count)}): ${ended.how}`);
  }
}
