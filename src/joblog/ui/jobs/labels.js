// Labels of jobs, beside a job's name; a click on one keeps the list to jobs that have it.

import { el } from "../dom.js";
import { t } from "../i18n.js";

/** Labels of a job that are shown at once; the others when somebody asks. */
const FEW = 3;

/** The jobs all of whose labels are shown. @type {Set<number>} */
const opened = new Set();

/**
 * @param {number} job
 * @param {Record<string, string>} labels
 */
export function labelList(job, labels) {
  const each = Object.entries(labels).map(([name, value]) => {
    const label = `${name}=${value}`;
    const shown = [el("b", {}, name), value === "" ? "" : ` ${value}`];
    return el("button", { type: "button", class: "label", title: label, "data-label": label, "data-key": `${job} ${label}` }, ...shown);
  });
  if (!each.length) return null;
  const list = el("span", { class: "labels" }, ...each.slice(0, opened.has(job) ? each.length : FEW));
  if (each.length > FEW && !opened.has(job)) {
    const more = () => {
      opened.add(job);
      list.replaceChildren(...each);
      each[FEW].focus();
    };
    const rest = Object.entries(labels).slice(FEW).map(([name, value]) => `${name}=${value}`).join(", ");
    const said = t("labelsMore", each.length - FEW);
    list.append(el("button", { type: "button", class: "more-labels", title: rest, "aria-label": `+${each.length - FEW}: ${said}`, "data-key": `${job} more`, click: more }, `+${each.length - FEW}`));
  }
  return list;
}
