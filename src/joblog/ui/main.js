// Which page an address shows, and going from one to another.

import { ApiError, get } from "./api.js";
import { el, fill } from "./dom.js";
import { header } from "./header.js";
import { language, t } from "./i18n.js";
import { jobsPage } from "./jobs.js";
import { logPage } from "./log/page.js";
import { followLoginLink, loginPage } from "./login.js";
import { applyTheme } from "./preferences.js";

/**
 * A page: its elements, what to do when they are in the document and have a size, and how to end what runs for it.
 * @typedef {{element: HTMLElement, begin: () => void, close: () => void}} Page
 */

const LOG = /^\/projects\/([^/]+)\/jobs\/(\d+)\/versions\/(\d+)\/logs\/(worker-\d+)\/?$/;
const VERSION = /^\/projects\/([^/]+)\/jobs\/(\d+)\/versions\/(\d+)\/(ranks|plots)\/?$/;
const PERMANENT = /^\/p\/([^/]+)\/([^/]+)\/([^/]+)(?:\/([^/]+))?\/?$/;
const PROJECT = /^\/projects\/([^/]+)\/?$/;

const app = /** @type {HTMLElement} */ (document.getElementById("app"));

/** @type {Page | null} */
let shown = null;
let shows = 0;

/** What is shown, without the lines that an address may name: those are the page's own affair. */
let place = "";

async function show() {
  const turn = ++shows;
  shown?.close();
  shown = null;
  document.documentElement.lang = language();
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
    const found = await get(`/api/projects/${link[1]}/resolve/${link[2]}/${link[3]}/${link[4] ?? "worker-0"}`);
    const { project_id: project, job_id: job, version_id: version, task } = found;
    history.replaceState(null, "", `/projects/${project}/jobs/${job}/versions/${version}/logs/${task}${location.hash}`);
    return logPage({ project, job, version, task }, show, failed);
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
    const { versionPage } = version[4] === "ranks" ? await import("./ranks/page.js") : await import("./plots/page.js");
    return versionPage(address, show, failed);
  }
  const project = PROJECT.exec(path);
  if (project || path === "/") return jobsPage(project ? decodeURIComponent(project[1]) : null, show, failed);
  throw new ApiError(404, "not_found", path);
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
  document.title = "joblog";
  const status = error instanceof ApiError ? error.status : -1;
  if (status === 401) return loginPage(show);
  const said =
    status === 404 ? t("notFound") : status === 403 ? t("notAllowed") : t("failed", error instanceof Error ? error.message : "");
  const again = el("button", { type: "button", click: show }, "↻");
  const message = el("main", { class: "message" }, el("p", { role: "alert" }, said, " ", again), el("a", { href: "/" }, t("back")));
  return el("div", {}, header([], show), message);
}

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const to = new URL(link.href, location.href);
  const ours = to.origin === location.origin && (to.pathname === "/" || to.pathname.startsWith("/projects/"));
  if (!ours || link.download || link.target || to.pathname === location.pathname) return;
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

