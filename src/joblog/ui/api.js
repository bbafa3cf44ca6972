// The native API, as docs/http-api.md has it, called with the session's cookie.

/**
 * @typedef {{at_byte: number, size_bytes: number, reason: string, recorded_ms: number}} Gap
 * @typedef {{project_id: string, job_id: number, version_id: number, task: string, log_file: string, created_ms: number,
 *   appended_ms: number, start_byte: number, start_line: number, end_byte: number, end_line: number, partial_byte: number,
 *   crc32: number, closed: boolean, closed_ms: number | null, complete: boolean | null, gaps: Gap[]}} Log
 * @typedef {{id: number, project_id: string, name: string, created_ms: number}} Job
 * @typedef {{id: number, job_id: number, name: string, number: number, run_id: string | null, created_ms: number,
 *   status: string, reason: string | null, started_ms: number | null, ended_ms: number | null,
 *   title?: string | null, command?: string | null, host?: string | null, user?: string | null, commit?: string | null}} Version
 * @typedef {{line: number, start_byte: number, end_byte: number}} Cut
 * @typedef {{start_line: number, end_line: number, start_byte: number, end_byte: number, lines: number, content: string,
 *   cuts?: Cut[], times_ms?: number[]}} Lines
 * @typedef {{id: string}} Project
 * @typedef {{name: string, project_id: string | null, rights: string[], expires_ms: number | null}} Session
 * @typedef {{project: string, job: number, version: number, task: string}} Address
 */

/** An answer that is not the one hoped for; status 0 when there was none. */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * @param {string} path
 * @param {RequestInit} [how]
 * @returns {Promise<Response>}
 */
export async function call(path, how = {}) {
  let answer;
  try {
    // No cache: what a browser keeps of a range of a log that grows it may give instead of the rest.
    answer = await fetch(path, { credentials: "same-origin", cache: "no-store", ...how });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "the server cannot be reached");
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => null);
  const said = body?.error ?? {};
  throw new ApiError(answer.status, said.code ?? "", said.message ?? answer.statusText);
}

/**
 * @template T
 * @param {string} path
 * @param {Record<string, string | number | string[] | null>} [query] a list is said one by one
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export async function get(path, query = {}, signal) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== "");
  const pairs = given.flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((each) => [name, String(each)]));
  const text = new URLSearchParams(pairs).toString();
  return (await call(text ? `${path}?${text}` : path, signal ? { signal } : {})).json();
}

/**
 * Logs in; what is given is a token, or user and password.
 * @param {Record<string, string>} who
 * @returns {Promise<Session>}
 */
export async function logIn(who) {
  const headers = { "content-type": "application/json" };
  return (await call("/api/session", { method: "POST", headers, body: JSON.stringify(who) })).json();
}

/** Whether there is a session. */
export async function isLoggedIn() {
  return get("/api/session").then(() => true, () => false);
}

/** Ends the session. */
export async function logOut() {
  await call("/api/session", { method: "DELETE" });
}

/**
 * Where a version is, in the API behind /api, in the viewer without.
 * @param {{project: string, job: number, version: number}} address
 */
export function versionPath({ project, job, version }) {
  return `/projects/${encodeURIComponent(project)}/jobs/${job}/versions/${version}`;
}

/**
 * Where a log is, likewise.
 * @param {Address} address
 */
export function logPath(address) {
  return `${versionPath(address)}/logs/${address.task}`;
}

/**
 * A link to the line that holds a byte of a log.
 * @param {Address} address
 * @param {number} byte
 */
export function bytesLink(address, byte) {
  return `${logPath(address)}#B${byte}`;
}

/**
 * Reads text that lies at bytes [low, high) of a log; bytes that are not UTF-8 become U+FFFD.
 * @param {Address} address
 * @param {number} low
 * @param {number} high
 * @param {AbortSignal} [signal]
 */
export async function bytesText(address, low, high, signal) {
  const headers = { range: `bytes=${low}-${high - 1}` };
  const answer = await call(`/api${logPath(address)}/bytes`, signal ? { headers, signal } : { headers });
  return new TextDecoder().decode(await answer.arrayBuffer());
}
