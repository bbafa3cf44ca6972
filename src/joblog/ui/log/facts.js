// What a run is: when it began, how long it took, what began it. A button in the header, and a card below it.

import { lineLink } from "../alerts/links.js";
import { el, fill } from "../dom.js";
import { duration, moment, number, time } from "../format.js";
import { t } from "../i18n.js";
import { Popup } from "../popup.js";
import { paint } from "./text.js";
import { reasonWords } from "./verdicts.js";

/** Alerts that the card lists; the bell has all of them. */
const MAX_ALERTS = 5;

/** @typedef {import("../api.js").Version} Version */

/** Ids that nobody has chosen: so many hexadecimal digits say nothing to anybody. */
const MADE_UP = /^(?:[a-z]+:)?[0-9a-f-]{16,}$/;

/**
 * A run's name: its number, and its title or the id that somebody has given it.
 * @param {{number: number, title?: string | null, run_id: string | null}} version
 */
export function runName(version) {
  const said = version.title ?? (version.run_id && !MADE_UP.test(version.run_id) ? version.run_id : null);
  return said ? `#${version.number} · ${said}` : `#${version.number}`;
}

/**
 * A run's name, how it is, when it began and how long it took: enough to choose it by.
 * @param {Version} version
 */
export function runLine(version) {
  const { started_ms: started, ended_ms: ended } = version;
  const times = started === null ? [] : [moment(started), duration((ended ?? Date.now()) - started)];
  return [runName(version), t(version.status), ...times].join(" · ");
}

export class Facts extends Popup {
  constructor() {
    const list = el("dl");
    super("i", t("aboutRun"), "facts", list);
    this.list = list;
    this.element.hidden = true;
  }

  /**
   * @param {Version} version
   * @param {string} project
   * @param {import("../alerts/news.js").Alert[]} alerts what rules found in it, the newest first
   */
  show(version, project, alerts) {
    const { started_ms: started, ended_ms: ended } = version;
    /** @type {[string, string | null | undefined][]} */
    const facts = [
      [t("attempt"), runName(version)],
      [t("started"), started === null ? null : time(started)],
      [t("took"), started === null ? null : duration((ended ?? Date.now()) - started)],
      [t("ending"), version.reason],
      [t("command"), version.command],
      [t("host"), version.host],
      [t("user"), version.user],
      [t("commit"), version.commit],
    ];
    fill(this.list, ...facts.flatMap(([name, text]) => (text ? [el("dt", {}, name), el("dd", {}, text)] : [])), ...fired(project, alerts));
    this.element.hidden = false;
  }
}

/**
 * @param {string} project
 * @param {import("../alerts/news.js").Alert[]} alerts
 */
function fired(project, alerts) {
  if (!alerts.length) return [];
  const each = alerts.slice(0, MAX_ALERTS).map((alert) => {
    const to = lineLink(project, alert);
    const said = to ? el("a", { href: to }) : el("span");
    paint(said, `${alert.rule}: ${reasonWords(alert.reason)}`);
    return el("div", {}, said, " ", el("span", { class: "quiet" }, moment(alert.fired_ms)));
  });
  const rest = alerts.length > MAX_ALERTS ? el("div", { class: "quiet" }, t("alertsMore", number(alerts.length - MAX_ALERTS))) : null;
  return [el("dt", {}, t("alerts")), el("dd", { class: "fired-list" }, ...each, rest)];
}
