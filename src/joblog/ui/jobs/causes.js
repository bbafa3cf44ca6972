// Why the runs failed that are in sight: asked for one at a time, once for each.

import { get, versionPath } from "../api.js";

/** Enough for the sentence that is shown: of less the server leaves out the failure. */
const MAX_BYTES = 4000;

/** Runs whose cause is kept. */
const MAX_KEPT = 2000;

/**
 * @typedef {import("./rows.js").JobRow} JobRow
 * @typedef {{summary: string, ranks: string, count: number}} Cause
 */

/** By run and state; null: none is known. @type {Map<string, Cause | null>} */
const kept = new Map();

export class Causes {
  /**
   * @param {string} project
   * @param {() => void} changed
   */
  constructor(project, changed) {
    this.project = project;
    this.changed = changed;
    this.running = false;
    this.asking = new AbortController();
  }

  close() {
    this.asking.abort();
  }

  /**
   * @param {JobRow} job
   * @returns {Cause | null}
   */
  of(job) {
    return kept.get(this.#key(job)) ?? null;
  }

  /** @param {JobRow} job */
  #key({ last }) {
    return `${this.project} ${last?.id} ${last?.status}`;
  }

  /**
   * @param {JobRow[]} jobs
   * @param {(job: JobRow) => boolean} inSight
   */
  async look(jobs, inSight) {
    if (this.running) return;
    const job = jobs.find((each) => each.last?.status === "FAILED" && !kept.has(this.#key(each)) && inSight(each));
    if (!job?.last) return;
    this.running = true;
    const { signal } = this.asking;
    try {
      const path = versionPath({ project: this.project, job: job.id, version: job.last.id });
      /** @type {import("../log/why.js").Digest} */
      const { first } = await get(`/api${path}/why`, { max_bytes: MAX_BYTES }, signal);
      if (kept.size >= MAX_KEPT) kept.clear();
      kept.set(this.#key(job), first && { summary: first.summary, ranks: first.ranks, count: first.count });
    } catch {
      if (signal.aborted) return;
      kept.set(this.#key(job), null); // the list is shown all the same
    } finally {
      this.running = false;
    }
    this.changed();
  }
}
