// What opens over the log: the keys, and a line that is too long for the screen.

import { bytesText } from "../api.js";
import { el, fill, say } from "../dom.js";
import { number, size } from "../format.js";
import { t } from "../i18n.js";
import { paint } from "./text.js";

/** What is shown of a long line at a time. */
const PIECE_BYTES = 64 * 1024;

/** @type {[string, string][]} */
const KEYS = [
  ["f", "keyFollow"],
  ["g", "keyTop"],
  ["G", "keyEnd"],
  [":", "keyJump"],
  ["/", "keySearch"],
  ["Ctrl-F", "keySearchAgain"],
  ["n", "keyNext"],
  ["N", "keyPrevious"],
  ["e", "keyError"],
  ["E", "keyErrorBefore"],
  ["w", "keyWrap"],
  ["t", "keyTimes"],
  ["r", "keyTerminal"],
  ["c", "keyCopy"],
  ["l", "keyLink"],
  ["Esc", "keyEscape"],
  ["?", "keyHelp"],
];

/** Shows what the keys do. */
export function showKeys() {
  const rows = KEYS.map(([key, name]) => el("tr", {}, el("td", {}, el("kbd", {}, key)), el("td", {}, t(name))));
  openDialog(t("keys"), el("table", { class: "keys" }, el("tbody", {}, ...rows)), el("p", { class: "quiet" }, t("keySelect")));
}

/**
 * Shows all of a line, piece by piece.
 * @param {import("../api.js").Address} address
 * @param {import("../api.js").Cut} cut
 */
export function showLine(address, cut) {
  const text = el("pre", { class: "whole", tabindex: "0" });
  const where = el("span", { class: "quiet" });
  const step = (/** @type {number} */ by) => () => show(at + by * PIECE_BYTES);
  const earlier = el("button", { type: "button", click: step(-1) }, t("earlier"));
  const later = el("button", { type: "button", click: step(1) }, t("later"));
  let at = cut.start_byte;
  const show = async (/** @type {number} */ from) => {
    at = Math.min(Math.max(from, cut.start_byte), cut.end_byte - 1);
    const until = Math.min(at + PIECE_BYTES, cut.end_byte);
    const read = await bytesText(address, at, until).catch((error) => t("failed", error.message));
    fill(text);
    paint(text, read);
    text.scrollTop = 0;
    say(where, t("positions", number(at - cut.start_byte), number(until - cut.start_byte), number(cut.end_byte - cut.start_byte)));
    earlier.disabled = at <= cut.start_byte;
    later.disabled = until >= cut.end_byte;
  };
  const bytes = size(cut.end_byte - cut.start_byte);
  openDialog(t("wholeLine", cut.line, bytes), text, el("div", { class: "pieces" }, earlier, later, where));
  void show(at);
}

/**
 * @param {string} title
 * @param {...HTMLElement} content
 */
export function openDialog(title, ...content) {
  const dialog = el("dialog", { "aria-label": title });
  const close = () => dialog.close();
  dialog.addEventListener("close", () => dialog.remove());
  dialog.append(
    el("div", { class: "dialog-top" }, el("h2", {}, title), el("button", { type: "button", click: close }, t("close"))),
    ...content,
  );
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
