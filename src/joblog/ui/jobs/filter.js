// What is typed to find jobs: `state:failed label:team=vision loss`. Pure: nothing here touches the page.

import { WORDS } from "../words.js";

/** How runs are, as the API names it and as people do. */
export const STATES = ["RUNNING", "FAILED", "LOST", "COMPLETED", "KILLED", "KILLING", "WAITING", "UNKNOWN"];

/** At most so many at a time, as the API has it. */
export const MAX_LABELS = 4;

const NAME = /^[A-Za-z0-9]([A-Za-z0-9_./-]{0,126}[A-Za-z0-9])?$/;
const MAX_VALUE = 256;

/**
 * Words of the name, states, labels; `wrong` is what is none of these.
 * @typedef {{search: string, states: string[], labels: string[], wrong: string[]}} Filter
 */

/**
 * @param {string} text
 * @returns {Filter}
 */
export function parsed(text) {
  /** @type {Filter} */
  const filter = { search: "", states: [], labels: [], wrong: [] };
  for (const { key, value, whole } of terms(text)) {
    if (key === "label" && isLabel(value) && filter.labels.length < MAX_LABELS) filter.labels.push(value);
    else if (key === "state" && value.split(",").every((each) => stateNamed(each))) {
      filter.states.push(...value.split(",").map((each) => /** @type {string} */ (stateNamed(each))));
    } else if (key === null && !filter.search) filter.search = whole;
    else filter.wrong.push(whole);
  }
  return filter;
}

/**
 * The text with one more label, or without one that it had.
 * @param {string} text
 * @param {string} label
 */
export function withLabel(text, label) {
  const others = terms(text).filter(({ key, value }) => key !== "label" || value !== label);
  const had = others.length < terms(text).length;
  return [...others.map(({ whole }) => whole), ...(had ? [] : [said("label", label)])].join(" ");
}

/**
 * The text with another state; null: any.
 * @param {string} text
 * @param {string | null} state as the API names it
 */
export function withState(text, state) {
  const others = terms(text).filter(({ key }) => key !== "state").map(({ whole }) => whole);
  return [...(state === null ? [] : [said("state", word(state))]), ...others].join(" ");
}

/**
 * How people call a state in English, where "ended" is what nobody has said more of.
 * @param {string} state
 */
function word(state) {
  return state === "UNKNOWN" ? "ended" : state.toLowerCase();
}

/**
 * @param {string} key
 * @param {string} value
 */
export function said(key, value) {
  return /[\s"]/.test(value) ? `${key}:"${value.replaceAll('"', "")}"` : `${key}:${value}`;
}

/**
 * @param {string} text
 * @returns {{key: string | null, value: string, whole: string}[]}
 */
function terms(text) {
  return [...text.matchAll(/(?:([a-z]+):)?("[^"]*"?|\S+)/gi)].map((match) => {
    const known = ["state", "label"].includes(match[1]?.toLowerCase() ?? "");
    const value = match[2].replace(/^"|"$/g, "");
    return { key: known ? match[1].toLowerCase() : null, value, whole: match[0] };
  });
}

/**
 * @param {string} name in either language
 * @returns {string | null}
 */
function stateNamed(name) {
  const lower = name.toLowerCase();
  return STATES.find((state) => [state.toLowerCase(), word(state), ...(WORDS[state] ?? [])].includes(lower)) ?? null;
}

/** @param {string} label */
function isLabel(label) {
  const at = label.indexOf("=");
  return NAME.test(at < 0 ? label : label.slice(0, at)) && (at < 0 || label.length - at - 1 <= MAX_VALUE);
}
