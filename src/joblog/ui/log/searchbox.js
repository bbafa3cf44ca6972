// Where one types what to search for.

import { el, say } from "../dom.js";
import { t } from "../i18n.js";

/**
 * @typedef {{pattern: string, regex: boolean, matchCase: boolean}} Question
 * @typedef {(question: Question) => void} Asked
 */

export class SearchBox {
  /** @param {{search: Asked, next: () => void, previous: () => void, endSearch: () => void, list: () => void}} acts */
  constructor(acts) {
    this.asked = "";
    this.input = el("input", { type: "search", placeholder: t("searchShort"), "aria-label": t("search"), spellcheck: "false", maxlength: 1000 });
    this.matchCase = toggle("Aa", t("matchCase"));
    this.regex = toggle(".*", t("regex"));
    this.told = el("span", { class: "quiet", role: "status" });
    const previous = el("button", { type: "button", class: "toggle", title: `${t("keyPrevious")} (N)`, "aria-label": t("keyPrevious"), click: acts.previous }, "↑");
    const next = el("button", { type: "button", class: "toggle", title: `${t("keyNext")} (n)`, "aria-label": t("keyNext"), click: acts.next }, "↓");
    const list = el("button", { type: "button", class: "toggle", title: t("resultsHelp"), "aria-label": t("resultsHelp"), click: acts.list }, "☰");
    this.ways = el("span", { class: "search", hidden: true }, this.matchCase, this.regex, previous, next, list);
    this.element = el("form", { class: "search" }, this.told, this.input, this.ways);
    const ask = () => {
      const pattern = this.input.value;
      if (!pattern) return;
      this.asked = this.#state();
      acts.search({ pattern, regex: pressed(this.regex), matchCase: pressed(this.matchCase) });
    };
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.asked === this.#state()) acts.next();
      else ask();
      this.input.blur();
    });
    for (const each of [this.matchCase, this.regex]) each.addEventListener("click", () => ask());
    this.input.addEventListener("focus", () => (this.ways.hidden = false));
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.clear();
      acts.endSearch();
    });
  }

  focus() {
    this.input.focus();
    this.input.select();
  }

  clear() {
    this.input.value = "";
    this.asked = "";
    this.ways.hidden = true;
    this.tell("");
    this.input.blur();
  }

  /** @param {string} text */
  tell(text) {
    say(this.told, text);
  }

  #state() {
    return JSON.stringify([this.input.value, pressed(this.regex), pressed(this.matchCase)]);
  }
}

/**
 * @param {string} label
 * @param {string} title
 */
function toggle(label, title) {
  const made = el("button", { type: "button", class: "toggle", title, "aria-label": title, "aria-pressed": "false" }, label);
  made.addEventListener("click", () => made.setAttribute("aria-pressed", String(!pressed(made))));
  return made;
}

/** @param {Element} button */
function pressed(button) {
  return button.getAttribute("aria-pressed") === "true";
}
