// Looking at a log's state again and again: often while it is looked at, seldom while it is not, gently while the server is away.

import { ApiError, get, logPath } from "../api.js";

const OFTEN_MS = 500;
const SELDOM_MS = 5000;
const MOST_WAIT_MS = 10_000;

export class Watch {
  /**
   * @param {import("../api.js").Address} address
   * @param {(log: import("../api.js").Log) => Promise<void>} seen
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
    this.looked = () => {
      if (!document.hidden) void this.look();
    };
    document.addEventListener("visibilitychange", this.looked);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.looked);
  }

  /** Looks now, and goes on looking until the log is closed. */
  async look() {
    clearTimeout(this.timer);
    if (this.closed) return;
    try {
      /** @type {import("../api.js").Log} */
      const log = await get(this.path);
      if (this.closed) return;
      await this.seen(log);
      if (this.failures) this.trying(false);
      this.failures = 0;
      if (!log.closed) this.#again(document.hidden ? SELDOM_MS : OFTEN_MS);
    } catch (error) {
      if (this.closed) return;
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) {
        this.failed(error);
        return;
      }
      this.failures += 1;
      this.trying(true);
      this.#again(Math.min(OFTEN_MS * 2 ** this.failures, MOST_WAIT_MS));
    }
  }

  /** @param {number} ms */
  #again(ms) {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = window.setTimeout(() => void this.look(), ms);
  }
}
