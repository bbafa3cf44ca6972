// Which rank of a run somebody is to see who has named none: the one that failed first, or else the one that spoke last.

import { get, logPath, versionPath } from "../api.js";
import { firstFailed } from "./place.js";
import { DIED } from "./why.js";

/** Where several have failed the server is asked which was first; it may take so long. */
const MAX_WAIT_MS = 2000;

/**
 * The path of the log.
 * @param {import("../api.js").Address} address its task is shown where nothing is known
 */
export async function firstLog(address) {
  const path = `/api${versionPath(address)}`;
  /** @type {[{items: import("../api.js").Log[]}, {items: import("./place.js").Task[]}]} */
  const [logs, tasks] = await Promise.all([get(`${path}/logs`, { limit: 1000 }), get(`${path}/tasks`, { limit: 1000 })]);
  const failed = tasks.items.filter(({ status }) => status === "FAILED").length;
  const died = tasks.items.some(({ status }) => DIED.includes(status));
  let task = failed === 1 || !died ? firstFailed(tasks.items) : ((await whoFailed(path)) ?? firstFailed(tasks.items));
  if (task === null) {
    const last = [...logs.items].sort((a, b) => b.appended_ms - a.appended_ms)[0];
    task = last?.task ?? address.task;
  }
  return logPath({ ...address, task });
}

/**
 * @param {string} path
 * @returns {Promise<string | null>}
 */
async function whoFailed(path) {
  const asking = new AbortController();
  const timer = setTimeout(() => asking.abort(), MAX_WAIT_MS);
  try {
    /** @type {import("./why.js").Digest} */
    const digest = await get(`${path}/why`, { max_bytes: 4000 }, asking.signal);
    return digest.first?.where.task ?? null;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
}
