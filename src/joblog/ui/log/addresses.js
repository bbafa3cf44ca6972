// Addresses that a log names: they stay text, and a click shows where one leads before anything opens.

import { el } from "../dom.js";
import { t } from "../i18n.js";
import { openDialog } from "./dialogs.js";
import { copy } from "./selection.js";

/** What ends an address: blanks, quotes, brackets that markup and tables have. Behind it no full stop or bracket. */
const ADDRESS = /\bhttps?:\/\/[^\s<>"'`|\\^{}\u2400-\u2426]{1,2000}/g;
const BEHIND = /[.,;:!?)\]]+$/;

/** Addresses of one text; more stay plain. */
const MAX_ADDRESSES = 50;

/**
 * Makes the addresses in an element's text ones that can be clicked. The text is the same, and so is what a selection copies.
 * @param {Element} element
 */
export function linkAddresses(element) {
  if (!element.textContent?.includes("://")) return;
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  /** @type {[Text, number, number][]} */
  const places = [];
  for (let node = walker.nextNode(); node && places.length < MAX_ADDRESSES; node = walker.nextNode()) {
    const text = /** @type {Text} */ (node);
    if (text.parentElement?.closest("button, .address")) continue;
    for (const [start, end] of addressesIn(text.data)) places.push([text, start, end]);
  }
  for (const [text, start, end] of places.reverse()) {
    const range = document.createRange();
    range.setStart(text, start);
    range.setEnd(text, end);
    range.surroundContents(el("span", { class: "address", role: "link", tabindex: "0" }));
  }
}

/**
 * Where addresses stand in a text.
 * @param {string} text
 * @returns {[number, number][]}
 */
export function addressesIn(text) {
  return [...text.matchAll(ADDRESS)].flatMap((match) => {
    const address = match[0].replace(BEHIND, "");
    const start = match.index ?? 0;
    return isAddress(address) ? [/** @type {[number, number]} */ ([start, start + address.length])] : [];
  });
}

/** @param {string} text */
function isAddress(text) {
  try {
    return ["http:", "https:"].includes(new URL(text).protocol);
  } catch {
    return false;
  }
}

/**
 * Asks before an address that was clicked is opened; true if one was.
 * @param {Event} event a click, or a key
 */
export function asksForAddress(event) {
  const address = event.target instanceof Element ? event.target.closest(".address") : null;
  const text = address?.textContent ?? "";
  if (!isAddress(text) || (document.getSelection()?.toString() ?? "") !== "") return false;
  const to = new URL(text);
  const link = el("a", { class: "button primary", href: to.href, target: "_blank", rel: "noopener noreferrer" }, t("addressOpen"));
  const dialog = openDialog(
    t("addressLeads"),
    el("p", { class: "address-host" }, to.host),
    el("p", { class: "address-whole", tabindex: "0" }, to.href),
    el("p", { class: "quiet" }, t("addressWarning")),
    el("p", { class: "acts" }, link, el("button", { type: "button", click: () => void copy(to.href).catch(() => undefined) }, t("copy"))),
  );
  link.addEventListener("click", () => dialog.close());
  link.focus();
  return true;
}
