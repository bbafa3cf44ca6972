// Which page an address shows, and going from one to another.

import { ApiError, get, logPath, versionPath } from "./api.js";
import { el, fill } from "./dom.js";
import { header } from "./header.js";
import { language, t } from "./i18n.js";
import { asksForAddress } from "./log/addresses.js";
import { firstLog } from "./log/first.js";
import { logPage } from "./log/page.js";
import { filledPlace } from "./log/place.js";
import { followLoginLink, loginPage } from "./login.js";
import { applyTheme } from "./preferences.js";

/**
 * A page: its elements, what to do when they are in the document and have a size, and how to end what runs for it.
 * @typedef {{element: HTMLElement, begin: () => void, close: () => void}} Page
 */

const LOG = /^\/projects\/([^/]+)\/jobs\/(\d+)\/versions\/(\d+)\/logs\/(worker-\d+)\/?$/;
const VERSION = /^\/projects\/([^/]+)\/jobs\/(\d+)\/versions\/(\d+)(?:\/(ranks|plots|diff))?\/?$/;
const NUMBERED = /^\/projects\/([^/]+)\/jobs\/([^/]+)(?:\/runs\/(?:%23|V)?0*(\d+|latest)(\/logs\/worker-\d+|\/ranks|\/plots|\/diff)?)?\/?$/i;
const PERMANENT = /^\/p\/([^/]+)\/([^/]+)\/([^/]+)(?:\/([^/]+))?\/?$/;
const OF_JOB = /^\/p\/([^/]+)\/([^/]+)\/?$/;
const PROJECT = /^\/projects\/([^/]+)\/?$/;

/** Pages of a version that are loaded when they are asked for. */
const SECTIONS = {
  ranks: () => import("./ranks/page.js"),
  plots: () => import("./plots/page.js"),
  diff: () => import("./diff/page.js"),
};

const app = /** @type {HTMLElement} */ (document.getElementById("app"));

/** @type {Page | null} */
let shown = null;
let shows = 0;

/** A page that takes longer to come says so. */
const SLOW_MS = 400;

/** What is shown, without the lines that an address may name: those are the page's own affair. */
let place = "";

async function show() {
  const turn = ++shows;
  shown?.close();
  shown = null;
  document.documentElement.lang = language();
  const slow = setTimeout(() => {
    if (turn === shows && !app.childElementCount) fill(app, el("main", { class: "message", role: "status" }, `${t("loading")} …`));
  }, SLOW_MS);
  try {
    const page = await pageAt(location.pathname);
    if (turn !== shows) {
      page.close();
      return;
    }
    shown = page;
    place = location.pathname + location.search;
    fill(app, page.element);
    page.begin();
  } catch (error) {
    if (turn === shows) fill(app, failure(error));
  } finally {
    clearTimeout(slow);
  }
}

/**
 * @param {string} path
 * @returns {Promise<Page>}
 */
async function pageAt(path) {
  if (path === "/login") {
    const refused = await followLoginLink(show);
    return refused ? { element: refused, begin: () => undefined, close: () => undefined } : pageAt(location.pathname);
  }
  const link = PERMANENT.exec(path);
  if (link) {
    const log = await named(link[1], link[2], link[3].replace(/^%23/, "V"), link[4]);
    return moved(link[4] || location.hash ? logPath(log) : await firstLog(log), location.hash);
  }
  const ofJob = OF_JOB.exec(path);
  if (ofJob) {
    const run = /^#(\d{1,9})$/.exec(location.hash)?.[1]; // /p/default/resnet/#2
    return moved(await firstLog(await named(ofJob[1], ofJob[2], run ? `V${run}` : "latest")), "");
  }
  const log = LOG.exec(path);
  if (log) {
    const address = { project: decodeURIComponent(log[1]), job: Number(log[2]), version: Number(log[3]), task: log[4] };
    return logPage(address, show, failed);
  }
  const version = VERSION.exec(path);
  if (version) {
    const task = /^worker-\d+$/.exec(new URLSearchParams(location.search).get("from") ?? "")?.[0] ?? "worker-0";
    const address = { project: decodeURIComponent(version[1]), job: Number(version[2]), version: Number(version[3]), task };
    if (!version[4]) return moved(await firstLog(address), "");
    const section = /** @type {keyof typeof SECTIONS} */ (version[4]);
    const [{ VersionPage }, place] = await Promise.all([SECTIONS[section](), filledPlace(address, section)]);
    return new VersionPage(address, place, show, failed);
  }
  const numbered = NUMBERED.exec(path);
  if (numbered) {
    const run = numbered[3] ?? "latest";
    const log = await named(numbered[1], numbered[2], run === "latest" ? run : `V${run}`);
    return moved(numbered[4] ? versionPath(log) + numbered[4] : await firstLog(log), location.hash);
  }
  const project = PROJECT.exec(path);
  if (project || path === "/") {
    const { jobsPage } = await import("./jobs/page.js");
    return jobsPage(project ? decodeURIComponent(project[1]) : null, show, failed);
  }
  throw new ApiError(404, "not_found", path);
}

/**
 * The log that names stand for, as they are in an address.
 * @param {string} project
 * @param {string} job
 * @param {string} run
 * @param {string} [task]
 * @returns {Promise<import("./api.js").Address>}
 */
async function named(project, job, run, task = "worker-0") {
  const log = await get(`/api/projects/${project}/resolve/${job}/${run}/${task}`);
  return { project: log.project_id, job: log.job_id, version: log.version_id, task: log.task };
}

/**
 * Shows the page at another path: that is the address then, and going back leads to where one was before.
 * @param {string} path
 * @param {string} hash
 */
function moved(path, hash) {
  history.replaceState(null, "", path + hash);
  return pageAt(path);
}

/**
 * What a page does with an error that it cannot get over.
 * @param {unknown} error
 */
function failed(error) {
  shown?.close();
  shown = null;
  fill(app, failure(error));
}

/**
 * @param {unknown} error
 * @returns {HTMLElement}
 */
function failure(error) {
  const status = error instanceof ApiError ? error.status : -1;
  document.title = "joblog";
  if (status === 401) return loginPage(show);
  const [said, todo] =
    status === 404
      ? [t("notFound"), t("notFoundTodo")]
      : status === 403
        ? [t("notAllowed"), t("notAllowedTodo")]
        : status === 0
          ? [t("unreachable"), t("unreachableTodo")]
          : [t("failed", error instanceof Error ? error.message : ""), t("failedTodo")];
  document.title = `${said} · joblog`;
  const heading = el("h1", {}, said);
  const acts = [el("a", { class: "button primary", href: "/" }, t("back")), el("button", { type: "button", click: show }, t("tryAgain"))];
  const text = el("div", { role: "alert" }, heading, el("p", {}, todo));
  const where = el("p", { class: "quiet" }, el("code", {}, decoded(location.pathname)));
  const main = el("main", { id: "main", tabindex: "-1", class: "message" }, text, where, el("p", { class: "acts" }, ...acts));
  return el("div", { class: "screen" }, header(null, [], show), main);
}

/** @param {string} path */
function decoded(path) {
  try {
    return decodeURI(path).slice(0, 300);
  } catch {
    return path.slice(0, 300);
  }
}

for (const name of ["click", "keydown"]) {
  document.addEventListener(name, (event) => {
    if (event instanceof KeyboardEvent && event.key !== "Enter") return;
    if (asksForAddress(event)) event.preventDefault();
  });
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const to = new URL(link.href, location.href);
  const ours = to.origin === location.origin && (to.pathname === "/" || to.pathname.startsWith("/projects/"));
  if (!ours || link.download || link.target || (to.pathname === location.pathname && to.search === location.search)) return;
  event.preventDefault();
  history.pushState(null, "", to);
  void show();
});
window.addEventListener("popstate", () => {
  // A change of lines alone comes here too; the page hears of it as "hashchange".
  if (!shown || place !== location.pathname + location.search) void show();
});

applyTheme();
void show();

