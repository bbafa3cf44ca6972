// Labels of jobs: shown beside a job's name, and what the list of jobs is kept to.

import { el, fill } from "./dom.js";
import { t } from "./i18n.js";

/** Labels of a job that are shown at once; the others when somebody asks. */
const FEW = 3;

/** At most so many at a time, as the API has it. */
const MOST = 4;

/** The jobs all of whose labels are shown. @type {Set<number>} */
const opened = new Set();

const NAME = /^[A-Za-z0-9]([A-Za-z0-9_./-]{0,126}[A-Za-z0-9])?$/;
const MOST_VALUE = 256;

/**
 * A job's labels; a click on one keeps the list to jobs that have it.
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
    list.append(el("button", { type: "button", class: "more-labels", title: rest, "aria-label": t("labelsMore", each.length - FEW), "data-key": `${job} more`, click: more }, `+${each.length - FEW}`));
  }
  return list;
}

/** The labels that jobs must have to be listed: a box to type one into, and those that were. The address keeps them. */
export class LabelFilter {
  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed;
    /** @type {string[]} */
    this.wanted = new URLSearchParams(location.search).getAll("label").filter(legal).slice(0, MOST);
    this.offered = "";
    this.known = el("datalist", { id: "known-labels" });
    this.box = el("input", {
      type: "text",
      class: "label-box",
      placeholder: t("labelBox"),
      "aria-label": t("labelBox"),
      title: t("labelHelp"),
      list: "known-labels",
      maxlength: 400,
      spellcheck: "false",
      autocomplete: "off",
    });
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.take();
    });
    this.box.addEventListener("input", () => this.box.setCustomValidity(""));
    // What is chosen from the list is meant at once.
    this.box.addEventListener("input", (event) => {
      if (!(event instanceof InputEvent) || event.inputType === "insertReplacementText") this.take();
    });
    this.chosen = el("span", { class: "labels", role: "group", "aria-label": t("labels") });
    this.element = el("span", { class: "label-filter" }, this.box, this.known, this.chosen);
    this.show();
  }

  take() {
    const label = this.box.value.trim();
    if (label === "") return;
    if (!legal(label)) {
      this.box.setCustomValidity(t("labelHelp"));
      this.box.reportValidity();
      return;
    }
    this.box.value = "";
    this.add(label);
  }

  /** @param {string} label */
  add(label) {
    if (this.wanted.includes(label) || this.wanted.length >= MOST) return;
    this.keep([...this.wanted, label]);
  }

  /** @param {string[]} wanted */
  keep(wanted) {
    this.wanted = wanted;
    const search = new URLSearchParams(wanted.map((label) => ["label", label])).toString();
    history.replaceState(null, "", location.pathname + (search && `?${search}`));
    this.show();
    this.changed();
  }

  show() {
    this.box.disabled = this.wanted.length >= MOST;
    fill(
      this.chosen,
      ...this.wanted.map((label) => {
        const drop = () => {
          this.keep(this.wanted.filter((each) => each !== label));
          this.box.focus();
        };
        const text = el("span", {}, label);
        return el("button", { type: "button", class: "label", title: t("labelDrop", label), "aria-label": t("labelDrop", label), click: drop }, text, " ×");
      }),
    );
  }

  /**
   * Offers the labels of the jobs that are shown.
   * @param {Record<string, string>[]} shown
   */
  offer(shown) {
    const labels = new Set(shown.flatMap((each) => Object.entries(each).map(([name, value]) => `${name}=${value}`)));
    const offered = [...labels].sort().slice(0, 100);
    if (offered.join("\n") === this.offered) return;
    this.offered = offered.join("\n");
    fill(this.known, ...offered.map((value) => el("option", { value })));
  }
}

/** @param {string} label */
function legal(label) {
  const at = label.indexOf("=");
  return NAME.test(at < 0 ? label : label.slice(0, at)) && (at < 0 || label.length - at - 1 <= MOST_VALUE);
}
