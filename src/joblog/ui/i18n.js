// The words in the reader's language.

import { preference } from "./preferences.js";
import { WORDS } from "./words.js";

/** @returns {"en" | "zh"} */
export function language() {
  const chosen = preference("language");
  if (chosen !== "auto") return chosen;
  return navigator.languages.some((each) => each.toLowerCase().startsWith("zh")) &&
    !navigator.languages[0]?.toLowerCase().startsWith("en")
    ? "zh"
    : "en";
}

/**
 * Returns a phrase; what is not in words.js, as the name of a state that is new, is said as it is.
 * @param {string} name
 * @param {...(string | number)} values
 */
export function t(name, ...values) {
  const both = Object.hasOwn(WORDS, name) ? WORDS[name] : undefined;
  if (!both) return name.toLowerCase();
  return both[language() === "zh" ? 1 : 0].replace(/\{(\d)\}/g, (_, i) => String(values[Number(i)] ?? ""));
}
