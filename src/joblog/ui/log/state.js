// How a run is, loudly; and whether its log is whole, as a quiet mark: that a log is whole says nothing of how the run went.

import { el } from "../dom.js";
import { number, size } from "../format.js";
import { t } from "../i18n.js";
import { endingWords } from "./verdicts.js";

/** @param {import("../api.js").Log} log */
export function completeness(log) {
  const marks = [];
  if (log.complete) marks.push(mark("quiet", t("complete"), t("completeHelp", number(log.end_byte))));
  else if (log.complete === false && !log.gaps.length) marks.push(mark("badge warn", t("incomplete"), t("incompleteHelp")));
  else if (log.closed && !log.gaps.length) marks.push(mark("quiet", t("closedUnproved"), t("closedUnprovedHelp")));
  else if (!log.closed) marks.push(mark("quiet", t("running"), t("runningHelp")));
  if (log.gaps.length === 1) {
    const [gap] = log.gaps;
    marks.push(mark("badge warn", t("gap", number(gap.size_bytes), number(gap.at_byte)), gap.reason));
  } else if (log.gaps.length) {
    const lost = log.gaps.reduce((sum, gap) => sum + gap.size_bytes, 0);
    const each = log.gaps.map((gap) => `${t("gap", number(gap.size_bytes), number(gap.at_byte))}: ${gap.reason}`);
    marks.push(mark("badge warn", t("gaps", log.gaps.length, number(lost)), each.slice(0, 30).join("\n")));
  }
  if (log.start_byte) marks.push(mark("quiet", t("retained", size(log.start_byte)), ""));
  return marks;
}

const STATES = { RUNNING: "busy", WAITING: "busy", COMPLETED: "good", FAILED: "bad", LOST: "bad", KILLED: "warn", KILLING: "warn" };

/** @param {string} status */
export function stateKind(status) {
  return Object.hasOwn(STATES, status) ? STATES[/** @type {keyof STATES} */ (status)] : "";
}

/**
 * A run's state.
 * @param {string} status
 * @param {string | null} [reason]
 */
export function stateBadge(status, reason) {
  return mark(`badge state ${stateKind(status)}`, t(status), reason ? endingWords(reason) : "");
}

/**
 * @param {string} kind
 * @param {string} text
 * @param {string} title
 */
function mark(kind, text, title) {
  return el("span", { class: kind, title: title || null }, text);
}
