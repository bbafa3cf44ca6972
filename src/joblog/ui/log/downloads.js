// Where a log, or lines of it, can be had as a file or as a page of text. The browser takes it by itself, however large.

import { logPath } from "../api.js";
import { size } from "../format.js";
import { t } from "../i18n.js";

/** A tab with more text than this is slow, or dies: of a larger log it shows the end. */
const MOST_SHOWN = 64 * 1024 * 1024;

/**
 * @param {import("../api.js").Address} address
 * @param {import("../api.js").Log} log
 * @returns {import("./menu.js").Entry[]}
 */
export function wholeLog(address, log) {
  const held = log.end_byte - log.start_byte;
  const end = held > MOST_SHOWN ? `?start_byte=${log.end_byte - MOST_SHOWN}` : "";
  return [
    { label: t("downloadWhole", size(held)), href: `/api${logPath(address)}/download`, keep: true },
    { label: t("downloadZst"), href: `/api${logPath(address)}/download?compress=zstd`, keep: true },
    { label: end ? t("openRawEnd", size(MOST_SHOWN)) : t("openRaw"), href: `/api${logPath(address)}/raw${end}`, keep: false },
  ];
}

/**
 * @param {import("../api.js").Address} address
 * @param {import("./selection.js").Lines} lines
 * @returns {import("./menu.js").Entry[]}
 */
export function partOfLog(address, { first, last }) {
  const part = `start_line=${first}&end_line=${last + 1}`;
  return [
    { label: t("downloadLines"), href: `/api${logPath(address)}/download?${part}`, keep: true },
    { label: t("downloadZst"), href: `/api${logPath(address)}/download?${part}&compress=zstd`, keep: true },
    { label: t("openRaw"), href: `/api${logPath(address)}/raw?${part}`, keep: false },
  ];
}
