// A word to the reader that goes away by itself, or stays until what it is about has ended.

import { el, say } from "../dom.js";
import { t } from "../i18n.js";

const NOTICE_MS = 2500;

export class Notice {
  constructor() {
    this.element = el("div", { class: "notice", role: "status", "aria-live": "polite" });
    this.timer = 0;
  }

  /**
   * @param {string} text
   * @param {boolean} [stays]
   */
  say(text, stays = false) {
    say(this.element, text);
    clearTimeout(this.timer);
    if (text && !stays) this.timer = window.setTimeout(() => say(this.element, ""), NOTICE_MS);
  }

  /**
   * Says that the server cannot be reached, or no longer so.
   * @param {boolean} trying
   */
  trying(trying) {
    this.say(trying ? t("retrying") : "", trying);
  }

  /**
   * Does something, and says so if it fails.
   * @param {() => Promise<void>} act
   */
  async attempt(act) {
    try {
      await act();
    } catch (error) {
      this.say(t("failed", error instanceof Error ? error.message : ""));
    }
  }

  close() {
    clearTimeout(this.timer);
  }
}
