// The bar on top of every page: where one is, and how it looks.

import { logOut } from "./api.js";
import { el } from "./dom.js";
import { language, t } from "./i18n.js";
import { applyTheme, prefer, preference } from "./preferences.js";

/**
 * @param {(Node | string)[]} where what stands after the name
 * @param {() => void} again shows the page anew
 * @returns {HTMLElement}
 */
export function header(where, again) {
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
  return el(
    "header",
    { class: "top" },
    el("a", { href: "/", class: "home", "aria-label": `joblog: ${t("jobs")}` }, el("span", { class: "mark" }), "joblog"),
    el("nav", { class: "where" }, ...where),
    el("div", { class: "ways" }, theme, tongue, el("button", { type: "button", click: leave }, t("logOut"))),
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
