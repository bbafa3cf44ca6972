// Single keys, where nobody is typing.

/**
 * Calls what belongs to a key; returns how to stop.
 * @param {Record<string, () => void>} acts
 * @returns {() => void}
 */
export function listen(acts) {
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const at = event.target;
    if (at instanceof HTMLInputElement || at instanceof HTMLSelectElement || at instanceof HTMLTextAreaElement) return;
    if (document.querySelector("dialog[open]")) return;
    if (!Object.hasOwn(acts, event.key)) return;
    event.preventDefault();
    acts[event.key]();
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}

/**
 * Lets Ctrl-F search all of what is shown in part only; pressed again there, it is the browser's own. Returns how to stop.
 * @param {HTMLInputElement} box
 * @param {() => void} focus
 */
export function searchFirst(box, focus) {
  const pressed = (/** @type {KeyboardEvent} */ event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "f") return;
    if (document.activeElement === box || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    focus();
  };
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}

/**
 * What keys do on a log's page.
 * @param {import("./tools.js").Acts} acts
 * @param {import("./tools.js").Tools} tools
 * @returns {Record<string, () => void>}
 */
export function logKeys(acts, tools) {
  return {
    f: acts.follow,
    w: acts.wrap,
    t: acts.times,
    r: acts.terminal,
    g: acts.top,
    Home: acts.top,
    G: acts.end,
    End: acts.end,
    ":": () => tools.jump.focus(),
    "/": () => tools.found.focus(),
    n: acts.next,
    N: acts.previous,
    e: acts.error,
    E: acts.errorBefore,
    c: acts.copy,
    l: acts.link,
    Escape: acts.escape,
    "?": acts.help,
  };
}
