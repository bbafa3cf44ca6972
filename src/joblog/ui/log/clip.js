// What is done with selected lines: text and links into the clipboard.

import { number } from "../format.js";
import { t } from "../i18n.js";
import { MOST_COPIED, copy, textOf } from "./selection.js";

/** @typedef {import("./selection.js").Lines} Lines */

export class Clip {
  /**
   * @param {import("../api.js").Address} address
   * @param {() => Lines | null} selected
   * @param {import("./notice.js").Notice} notice
   */
  constructor(address, selected, notice) {
    this.address = address;
    this.selected = selected;
    this.notice = notice;
  }

  async copyLines() {
    const lines = this.selected();
    if (!lines) return;
    if (lines.last - lines.first >= MOST_COPIED) {
      this.notice.say(t("tooMany", number(MOST_COPIED)));
      return;
    }
    await this.notice.attempt(async () => {
      await copy(await textOf(this.address, lines));
      this.notice.say(t("copied"));
    });
  }

  async copyLink() {
    if (!this.selected()) return;
    await this.notice.attempt(async () => {
      await copy(location.href);
      this.notice.say(t("copiedLink"));
    });
  }
}
