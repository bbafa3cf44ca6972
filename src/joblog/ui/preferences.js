// What a reader has chosen, kept by the browser; never anything secret.

/**
 * @typedef {{theme: "auto" | "light" | "dark", language: "auto" | "en" | "zh", wrap: "yes" | "no", times: "yes" | "no",
 *   view: "raw" | "terminal"}} Preferences
 */

/** @type {Preferences} */
const DEFAULTS = { theme: "auto", language: "auto", wrap: "no", times: "no", view: "raw" };

/** @type {{[K in keyof Preferences]: Preferences[K][]}} */
const ALLOWED = {
  theme: ["auto", "light", "dark"],
  language: ["auto", "en", "zh"],
  wrap: ["yes", "no"],
  times: ["yes", "no"],
  view: ["raw", "terminal"],
};

/**
 * @template {keyof Preferences} K
 * @param {K} name
 * @returns {Preferences[K]}
 */
export function preference(name) {
  /** @type {string | null} */
  let kept = null;
  try {
    kept = localStorage.getItem(`joblog.${name}`);
  } catch {
    // A browser that keeps nothing for us: the defaults do.
  }
  return ALLOWED[name].find((value) => value === kept) ?? DEFAULTS[name];
}

/**
 * @template {keyof Preferences} K
 * @param {K} name
 * @param {Preferences[K]} value
 */
export function prefer(name, value) {
  try {
    localStorage.setItem(`joblog.${name}`, value);
  } catch {
    // It holds until the page is left.
  }
}

/** What is seen of each project's alerts, where the browser keeps nothing. @type {Map<string, number>} */
const seen = new Map();

/**
 * The newest alert of a project that somebody has seen in this browser; 0: none.
 * @param {string} project
 */
export function lastSeenAlert(project) {
  let kept = null;
  try {
    kept = localStorage.getItem(`joblog.alerts.${project}`);
  } catch {
    // What this page knows does.
  }
  return kept !== null && /^\d{1,15}$/.test(kept) ? Number(kept) : (seen.get(project) ?? 0);
}

/**
 * @param {string} project
 * @param {number} alert the newest one that was seen
 */
export function seeAlerts(project, alert) {
  seen.set(project, alert);
  try {
    localStorage.setItem(`joblog.alerts.${project}`, String(alert));
  } catch {
    // It holds until the page is left.
  }
}

/** Shows the page in the theme that was chosen; the stylesheet follows the system's where none was. */
export function applyTheme() {
  document.documentElement.dataset.theme = preference("theme");
  window.dispatchEvent(new Event("joblog-theme"));
}

/**
 * Calls what is drawn by hand when the colours change; returns how to stop.
 * @param {() => void} changed
 */
export function onTheme(changed) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", changed);
  window.addEventListener("joblog-theme", changed);
  return () => {
    dark.removeEventListener("change", changed);
    window.removeEventListener("joblog-theme", changed);
  };
}
