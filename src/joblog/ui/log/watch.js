// Looking at how a log is: told by the server as it changes; where no such stream comes through, by asking again and again.

import { ApiError, get, logPath } from "../api.js";

const OFTEN_MS = 500;
const SELDOM_MS = 5000;
const MOST_WAIT_MS = 10_000;

/** A stream that has said nothing for so long is held back by what stands between; the first word comes at once. */
const SILENT_MS = 5000;

/** @typedef {import("../api.js").Log} Log */

export class Watch {
  /**
   * @param {import("../api.js").Address} address
   * @param {(log: Log) => Promise<void>} seen
   * @param {(trying: boolean) => void} trying is told when the server cannot be reached, and when it can again
   * @param {(error: unknown) => void} failed is told what no waiting mends
   */
  constructor(address, seen, trying, failed) {
    this.path = `/api${logPath(address)}`;
    this.seen = seen;
    this.trying = trying;
    this.failed = failed;
    this.timer = 0;
    this.failures = 0;
    this.closed = false;
    this.asks = false;
    /** @type {EventSource | null} */
    this.stream = null;
    /** @type {Log | null} */
    this.news = null;
    this.taking = false;
    this.onVisible = () => this.begin();
    document.addEventListener("visibilitychange", this.onVisible);
  }

  close() {
    this.closed = true;
    this.#stop();
    document.removeEventListener("visibilitychange", this.onVisible);
  }

  /**
   * Looks from now on, until the log is closed. A page that nobody sees holds no connection, of which a browser has few for a
   * server: it asks, seldom.
   */
  begin() {
    this.#stop();
    if (this.closed) return;
    if (document.hidden) this.#again(SELDOM_MS);
    else if (this.asks) void this.#ask();
    else this.#listen();
  }

  #stop() {
    clearTimeout(this.timer);
    this.stream?.close();
    this.stream = null;
  }

  /** The browser comes back by itself after a cut connection, and says what it saw last. */
  #listen() {
    const stream = new EventSource(`${this.path}/follow?only=state`);
    this.stream = stream;
    const told = (/** @type {MessageEvent} */ event) => {
      clearTimeout(this.timer);
      void this.#take(JSON.parse(event.data));
    };
    for (const name of ["start", "state"]) stream.addEventListener(name, told);
    stream.addEventListener("end", (event) => {
      this.#stop();
      void this.#take(JSON.parse(event.data));
    });
    stream.addEventListener("error", () => {
      if (this.stream !== stream) return;
      if (stream.readyState === EventSource.CONNECTING) this.#failing();
      else this.#askFromNowOn();
    });
    this.timer = window.setTimeout(() => this.#askFromNowOn(), SILENT_MS);
  }

  #askFromNowOn() {
    this.#stop();
    this.asks = true;
    void this.#ask();
  }

  async #ask() {
    clearTimeout(this.timer);
    try {
      /** @type {Log} */
      const log = await get(this.path);
      if (this.closed) return;
      await this.#take(log);
      if (!log.closed) this.#again(document.hidden ? SELDOM_MS : OFTEN_MS);
    } catch (error) {
      if (this.closed) return;
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) {
        this.failed(error);
        return;
      }
      this.#failing();
      this.#again(Math.min(OFTEN_MS * 2 ** this.failures, MOST_WAIT_MS));
    }
  }

  #failing() {
    clearTimeout(this.timer);
    this.failures += 1;
    this.trying(true);
  }

  /**
   * Passes on how the log is, one at a time: of what comes meanwhile only the newest matters.
   * @param {Log} log
   */
  async #take(log) {
    this.news = log;
    if (this.taking) return;
    this.taking = true;
    try {
      while (this.news && !this.closed) {
        const next = this.news;
        this.news = null;
        await this.seen(next);
        if (this.failures) this.trying(false);
        this.failures = 0;
      }
    } catch (error) {
      if (!this.closed) this.#askAfter(error);
    } finally {
      this.taking = false;
    }
  }

  /**
   * What belongs to the news could not be read: with the next look it is tried again.
   * @param {unknown} error
   */
  #askAfter(error) {
    if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 416) this.failed(error);
    else {
      this.#failing();
      window.setTimeout(() => void this.#ask(), OFTEN_MS);
    }
  }

  /** @param {number} ms */
  #again(ms) {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = window.setTimeout(() => (document.hidden ? void this.#ask() : this.begin()), ms);
  }
}
