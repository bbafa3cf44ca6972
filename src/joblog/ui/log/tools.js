// The bar of buttons over a log.

import { el, fill, say } from "../dom.js";
import { number, size } from "../format.js";
import { t } from "../i18n.js";
import { partOfLog, wholeLog } from "./downloads.js";
import { Menu } from "./menu.js";
import { SearchBox } from "./searchbox.js";
import { completeness } from "./state.js";

/**
 * @typedef {{follow: () => void, wrap: () => void, times: () => void, terminal: () => void, top: () => void, end: () => void, jump: (to: string) => boolean,
 *   search: import("./searchbox.js").Asked, list: () => void, next: () => void, previous: () => void, error: () => void, errorBefore: () => void, endSearch: () => void,
 *   copy: () => void, link: () => void, unselect: () => void, help: () => void, escape: () => void}} Acts
 */

export class Tools {
  /**
   * @param {import("../api.js").Address} address
   * @param {Acts} acts
   */
  constructor(address, acts) {
    this.state = el("span", { class: "states" });
    this.found = new SearchBox(acts);
    this.extent = el("span", { class: "quiet extent" });
    this.follow = button(t("follow"), t("followHelp"), acts.follow, "follow");
    this.wrap = button(t("wrap"), t("wrapHelp"), acts.wrap);
    this.times = button(t("times"), t("timesHelp"), acts.times);
    this.terminal = button(t("terminal"), t("terminalHelp"), acts.terminal);
    this.jump = el("input", {
      class: "jump",
      "aria-label": t("jump"),
      placeholder: t("jump"),
      title: t("jumpHelp"),
      spellcheck: "false",
      autocomplete: "off",
    });
    this.jump.addEventListener("input", () => this.jump.setCustomValidity(""));
    const jumpForm = el("form", {}, this.jump);
    jumpForm.addEventListener("submit", (event) => {
      event.preventDefault();
      if (acts.jump(this.jump.value.trim())) {
        this.jump.value = "";
        this.jump.blur();
        return;
      }
      this.jump.setCustomValidity(t("jumpBad"));
      this.jump.reportValidity();
    });
    this.address = address;
    this.download = new Menu(t("download"), t("downloadHelp"));
    this.downloadPart = new Menu("⤓", t("downloadPart"));
    this.element = el(
      "div",
      { class: "tools log-tools", role: "toolbar", "aria-label": t("toolsOf") },
      this.state,
      this.extent,
      el("span", { class: "spacer" }),
      this.found.element,
      button(`↓ ${t("errors")}`, `${t("keyError")} (e)`, acts.error, "errors"),
      this.follow,
      button(t("top"), `${t("keyTop")} (g)`, acts.top),
      button(t("end"), `${t("keyEnd")} (G)`, acts.end),
      jumpForm,
      this.wrap,
      this.times,
      this.terminal,
      this.download.element,
      button("?", t("keys"), acts.help, "help"),
    );
    this.count = el("span");
    this.selection = el(
      "div",
      { class: "selection", hidden: true, role: "toolbar", "aria-label": t("selection") },
      this.count,
      button(t("copy"), t("copyLines"), acts.copy),
      button(t("link"), t("copyLink"), acts.link),
      this.downloadPart.element,
      button("✕", t("unselect"), acts.unselect),
    );
  }

  /** @param {import("../api.js").Log} log */
  showLog(log) {
    fill(this.state, ...completeness(log));
    const lines = log.end_line - log.start_line + (log.partial_byte < log.end_byte ? 1 : 0);
    say(this.extent, `${size(log.end_byte - log.start_byte)} · ${t("linesOf", number(lines))}`);
    this.download.show(wholeLog(this.address, log));
    this.follow.hidden = log.closed;
  }

  /** @param {boolean} following */
  showFollowing(following) {
    this.follow.setAttribute("aria-pressed", String(following));
    say(this.follow, following ? `● ${t("live")}` : t("follow"));
  }

  /** @param {boolean} wrapped */
  showWrap(wrapped) {
    this.wrap.setAttribute("aria-pressed", String(wrapped));
  }

  /** @param {boolean} shown */
  showTimes(shown) {
    this.times.setAttribute("aria-pressed", String(shown));
  }

  /** @param {boolean} shown whether the log is as a terminal shows it */
  showTerminal(shown) {
    this.terminal.setAttribute("aria-pressed", String(shown));
  }

  /** @param {import("./selection.js").Lines | null} lines */
  showSelection(lines) {
    this.selection.hidden = !lines;
    if (!lines) {
      this.downloadPart.close();
      return;
    }
    this.downloadPart.show(partOfLog(this.address, lines));
    const count = lines.last - lines.first + 1;
    say(this.count, count === 1 ? t("selectedOne") : t("selected", number(count)));
  }
}

/**
 * @param {string} label
 * @param {string} title
 * @param {() => void} act
 * @param {string} [kind]
 */
function button(label, title, act, kind) {
  return el("button", { type: "button", title, "aria-label": label.length < 3 ? title : null, class: kind ?? null, click: act }, label);
}
