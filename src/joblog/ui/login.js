// Logging in: a token or a password goes to the server once, and comes back as a cookie that scripts cannot read.

import { ApiError, isLoggedIn, logIn } from "./api.js";
import { el, fill, say } from "./dom.js";
import { t } from "./i18n.js";

/**
 * Asks who is there.
 * @param {() => void} done
 * @param {string} [said] what is wrong already
 * @returns {HTMLElement}
 */
export function loginPage(done, said = "") {
  const problem = el("p", { class: "problem", role: "alert" }, said);

  /** @param {HTMLFormElement} form */
  const submit = async (form) => {
    const entries = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()]);
    const button = form.querySelector("button");
    if (button) button.disabled = true;
    try {
      await logIn(Object.fromEntries(entries.filter(([, value]) => value !== "")));
      done();
    } catch (error) {
      const refused = error instanceof ApiError && [400, 401, 403].includes(error.status);
      say(problem, refused ? t("loginWrong") : t("failed", error instanceof Error ? error.message : ""));
      if (button) button.disabled = false;
    }
  };

  const card = el("div", { class: "card" });
  const show = (/** @type {boolean} */ byToken) => {
    say(problem, "");
    fill(card, ways(byToken, show), byToken ? tokenForm(submit) : passwordForm(submit));
    /** @type {HTMLElement | null} */ (card.querySelector("input"))?.focus();
  };
  fill(card, ways(true, show), tokenForm(submit));
  const heading = el("h1", {}, el("span", { class: "mark", "aria-hidden": "true" }), "joblog");
  return el("main", { id: "main", class: "login" }, heading, problem, card);
}

/**
 * What one has: a token, or a password.
 * @param {boolean} byToken
 * @param {(byToken: boolean) => void} show
 */
function ways(byToken, show) {
  const way = (/** @type {string} */ name, /** @type {boolean} */ token) =>
    el("button", { type: "button", "aria-pressed": String(token === byToken), click: () => show(token) }, t(name));
  return el("div", { class: "login-ways", role: "group", "aria-label": t("logIn") }, way("withToken", true), way("withPassword", false));
}

/** @param {(form: HTMLFormElement) => void} submit */
function tokenForm(submit) {
  return form(t("withToken"), submit, [
    field("token", t("token"), { type: "password", autocomplete: "off", required: true, autofocus: true }),
    el("p", { class: "hint" }, t("tokenHelp", ""), el("code", {}, "joblog token create --right read")),
  ]);
}

/** @param {(form: HTMLFormElement) => void} submit */
function passwordForm(submit) {
  return form(t("withPassword"), submit, [
    field("user", t("user"), { autocomplete: "username", required: true }),
    field("password", t("password"), { type: "password", autocomplete: "current-password", required: true }),
    field("domain", t("domain"), { placeholder: "default", autocomplete: "organization" }),
  ]);
}

/**
 * Logs in by the link that stands in the address, once, and goes to what it leads to; the code leaves the address at once.
 * @param {() => void} done
 * @returns {Promise<HTMLElement | null>} what to show where that fails
 */
export async function followLoginLink(done) {
  const code = location.hash.slice(1);
  const to = new URL(new URLSearchParams(location.search).get("to") ?? "/", location.origin);
  const ours = to.origin === location.origin && (to.pathname === "/" || /^\/(?:p|projects)\//.test(to.pathname));
  history.replaceState(null, "", ours ? to : "/");
  try {
    if (code) await logIn({ code });
  } catch (error) {
    if (!(await isLoggedIn())) {
      return loginPage(done, error instanceof ApiError && error.status === 403 ? t("linkOver") : t("failed", error instanceof Error ? error.message : ""));
    }
  }
  return null;
}

/**
 * @param {string} title
 * @param {(form: HTMLFormElement) => void} submit
 * @param {HTMLElement[]} fields
 */
function form(title, submit, fields) {
  const made = el(
    "form",
    {
      "aria-label": title,
      submit: (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        submit(made);
      },
    },
    ...fields,
    el("button", { type: "submit", class: "primary" }, t("logIn")),
  );
  return made;
}

/**
 * @param {string} name
 * @param {string} label
 * @param {import("./dom.js").Attributes} attributes
 */
function field(name, label, attributes) {
  return el("label", {}, label, el("input", { name, spellcheck: "false", ...attributes }));
}
