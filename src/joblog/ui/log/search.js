// Searching the whole log, on the server: how many lines match, and going from one to the next.

import { get, logPath } from "../api.js";
import { number, size } from "../format.js";
import { t } from "../i18n.js";
import { searchEvents } from "./results.js";

/**
 * @typedef {import("./searchbox.js").Question} Question
 * @typedef {{line: number, start_byte: number, end_byte: number}} Hit
 * @typedef {"forward" | "backward"} Direction
 * @typedef {{where: () => number, found: (hit: Hit) => void, count: (text: string) => void, say: (text: string) => void,
 *   none?: () => void}} Told
 */

export class Search {
  /**
   * @param {import("../api.js").Address} address
   * @param {Told} told
   */
  constructor(address, told) {
    this.address = address;
    this.told = told;
    /** @type {Question | null} */
    this.question = null;
    /** @type {Hit | null} */
    this.hit = null;
    this.counting = new AbortController();
    this.going = new AbortController();
  }

  stop() {
    this.counting.abort();
    this.going.abort();
    this.question = null;
    this.hit = null;
  }

  /**
   * Begins with another question: counts, and goes to the first match from what is seen on.
   * @param {Question} question
   */
  async ask(question) {
    this.stop();
    this.question = question;
    this.counting = new AbortController();
    this.told.count(t("searching"));
    void this.#count(this.counting.signal);
    await this.go("forward");
  }

  /**
   * Goes to the next match, or the one before; from the other end when there is none.
   * @param {Direction} direction
   */
  async go(direction) {
    if (!this.question) return;
    this.going.abort();
    this.going = new AbortController();
    const { signal } = this.going;
    try {
      const from = await this.#from(direction, signal);
      let hit = await this.#find(direction, from, signal);
      if (!hit && from !== null) {
        hit = await this.#find(direction, null, signal);
        if (hit) this.told.say(t(direction === "forward" ? "fromTop" : "fromEnd"));
      }
      if (!hit) {
        this.told.none?.();
        return;
      }
      this.hit = hit;
      this.told.found(hit);
    } catch (error) {
      this.#failed(error);
    }
  }

  /**
   * @param {Direction} direction
   * @param {AbortSignal} signal
   * @returns {Promise<number | null>} the byte position to search from
   */
  async #from(direction, signal) {
    if (this.hit) return direction === "forward" ? this.hit.end_byte + 1 : this.hit.start_byte;
    /** @type {import("../api.js").Lines} */
    const top = await get(`/api${logPath(this.address)}/lines`, { start: this.told.where(), count: 1, cut: 1 }, signal);
    return top.start_byte;
  }

  /**
   * @param {Direction} direction
   * @param {number | null} from
   * @param {AbortSignal} signal
   * @returns {Promise<Hit | null>}
   */
  async #find(direction, from, signal) {
    /** @type {Record<string, string | number | null>} */
    let more = { direction, from, limit: 1 };
    for (;;) {
      const events = await this.#events(more, signal);
      const hit = events.find((event) => event.type === "match");
      if (hit) return hit;
      const end = events[events.length - 1];
      if (end?.type !== "end" || end.reason !== "deadline" || !end.cursor) return null;
      more = { ...more, cursor: end.cursor };
    }
  }

  /** @param {AbortSignal} signal */
  async #count(signal) {
    let lines = 0;
    let searched = 0;
    /** @type {Record<string, string | number | null>} */
    let more = { count: "true" };
    try {
      for (;;) {
        const events = await this.#events(more, signal);
        for (const event of events) lines += event.type === "count" ? (event.lines ?? 0) : 0;
        const end = events[events.length - 1];
        searched += end?.searched_bytes ?? 0;
        const shown = lines === 1 ? t("matchOne") : lines ? t("matches", number(lines)) : t("noMatches");
        if (end?.type !== "end" || end.reason !== "deadline" || !end.cursor) {
          this.told.count(shown);
          return;
        }
        this.told.count(`${shown} · ${t("searched", size(searched))}`);
        more = { ...more, cursor: end.cursor };
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  /**
   * @param {Record<string, string | number | null>} more
   * @param {AbortSignal} signal
   */
  async #events(more, signal) {
    return this.question ? searchEvents(logPath(this.address), this.question, more, signal) : [];
  }

  /** @param {unknown} error */
  #failed(error) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    this.told.count("");
    this.told.say(t("failed", error instanceof Error ? error.message : ""));
  }
}
