// How a log is, in words: complete and proved, still written to, or with holes.

import { el } from "../dom.js";
import { number, size } from "../format.js";
import { t } from "../i18n.js";

/** @param {import("../api.js").Log} log */
export function completeness(log) {
  const badges = [];
  if (log.complete) badges.push(badge("good", `✓ ${t("complete")}`, t("completeHelp", number(log.end_byte))));
  else if (log.complete === false && !log.gaps.length) badges.push(badge("bad", t("incomplete"), t("incompleteHelp")));
  else if (log.closed && !log.gaps.length) badges.push(badge("", t("closedUnproved"), t("closedUnprovedHelp")));
  else if (!log.closed) badges.push(badge("busy", t("running"), t("runningHelp")));
  if (log.gaps.length === 1) {
    const [gap] = log.gaps;
    badges.push(badge("warn", t("gap", number(gap.size_bytes), number(gap.at_byte)), gap.reason));
  } else if (log.gaps.length) {
    const lost = log.gaps.reduce((sum, gap) => sum + gap.size_bytes, 0);
    const each = log.gaps.map((gap) => `${t("gap", number(gap.size_bytes), number(gap.at_byte))}: ${gap.reason}`);
    badges.push(badge("warn", t("gaps", log.gaps.length, number(lost)), each.slice(0, 30).join("\n")));
  }
  if (log.start_byte) badges.push(badge("", t("retained", size(log.start_byte)), ""));
  return badges;
}

const STATES = { RUNNING: "busy", WAITING: "busy", COMPLETED: "good", FAILED: "bad", LOST: "bad", KILLED: "warn", KILLING: "warn" };

/**
 * A version's state.
 * @param {string} status
 * @param {string | null} [reason]
 */
export function stateBadge(status, reason) {
  const kind = Object.hasOwn(STATES, status) ? STATES[/** @type {keyof STATES} */ (status)] : "";
  return badge(kind, t(status), reason ?? "");
}

/**
 * @param {string} kind
 * @param {string} text
 * @param {string} title
 */
function badge(kind, text, title) {
  return el("span", { class: `badge ${kind}`, title: title || null }, text);
}
