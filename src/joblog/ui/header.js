// The bar on top of every page: where one is, and a menu of how it looks.

import { Bell } from "./alerts/bell.js";
import { logOut } from "./api.js";
import { el } from "./dom.js";
import { language, t } from "./i18n.js";
import { Popup } from "./popup.js";
import { applyTheme, prefer, preference } from "./preferences.js";

/**
 * @param {HTMLElement | null} heading the page's own, for who hears the page and does not see it; null where one is seen
 * @param {HTMLElement[]} where what stands after the name
 * @param {() => void} again shows the page anew
 * @param {string | null} [project] whose alerts the bell tells
 * @returns {HTMLElement}
 */
export function header(heading, where, again, project = null) {
  const bell = project === null ? null : new Bell(project);
  return el(
    "header",
    { class: "top" },
    el("a", { class: "skip", href: "#main", click: skip }, t("skip")),
    el("a", { href: "/", class: "home", "aria-label": `joblog: ${t("jobs")}` }, el("span", { class: "mark" }), el("span", { class: "home-name" }, "joblog")),
    heading,
    el("nav", { class: "where", "aria-label": t("whereNow") }, ...where),
    bell && bell.status,
    bell && bell.element,
    menu(again).element,
  );
}

/**
 * A page's heading: what it shows stands elsewhere on the page too.
 * @param {string} text
 */
export function unseenHeading(text) {
  return el("h1", { class: "unseen" }, text);
}

/**
 * Goes to what the page is about; the address keeps the lines that it names.
 * @param {MouseEvent} event
 */
function skip(event) {
  event.preventDefault();
  const main = document.getElementById("main");
  const inside = [...(main?.querySelectorAll(".lines, .merged") ?? [])].find((each) => each instanceof HTMLElement && !each.hidden);
  /** @type {HTMLElement | null} */ (inside ?? main)?.focus();
}

/** @param {() => void} again */
function menu(again) {
  const theme = choice(t("theme"), preference("theme"), ["auto", "light", "dark"], {
    auto: t("themeAuto"),
    light: t("themeLight"),
    dark: t("themeDark"),
  });
  theme.addEventListener("change", () => {
    prefer("theme", /** @type {"auto" | "light" | "dark"} */ (theme.value));
    applyTheme();
  });
  const tongue = choice(t("language"), language(), ["en", "zh"], { en: "English", zh: "中文" });
  tongue.addEventListener("change", () => {
    prefer("language", /** @type {"en" | "zh"} */ (tongue.value));
    again();
  });
  const leave = async () => {
    await logOut();
    again();
  };
  const row = (/** @type {string} */ name, /** @type {HTMLElement} */ box) => el("div", {}, el("span", { "aria-hidden": "true" }, name), box);
  return new Popup(
    `☰ ${t("menu")}`,
    t("menu"),
    "menu settings",
    el(
      "div",
      { class: "menu-list" },
      row(t("theme"), theme),
      row(t("language"), tongue),
      el("a", { href: "/api/docs", target: "_blank", rel: "noopener" }, t("apiDocs")),
      el("button", { type: "button", click: leave }, t("logOut")),
    ),
  );
}

/**
 * A select box.
 * @param {string} label
 * @param {string} value
 * @param {string[]} values
 * @param {Record<string, string>} [names]
 */
export function choice(label, value, values, names = {}) {
  const made = el("select", { "aria-label": label, title: label });
  for (const each of values) {
    made.append(el("option", { value: each, selected: each === value }, names[each] ?? each));
  }
  return made;
}
