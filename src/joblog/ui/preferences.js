// What a reader has chosen, kept by the browser; never anything secret.

/**
 * @typedef {{theme: "auto" | "light" | "dark", language: "auto" | "en" | "zh", wrap: "yes" | "no"}} Preferences
 */

/** @type {Preferences} */
const DEFAULTS = { theme: "auto", language: "auto", wrap: "no" };

/** @type {{[K in keyof Preferences]: Preferences[K][]}} */
const ALLOWED = { theme: ["auto", "light", "dark"], language: ["auto", "en", "zh"], wrap: ["yes", "no"] };

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

/** Shows the page in the theme that was chosen; the stylesheet follows the system's where none was. */
export function applyTheme() {
  document.documentElement.dataset.theme = preference("theme");
}
