// Elements without markup: what comes from a log only ever becomes text.

/**
 * @typedef {Node | string | null | false} Child
 * @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Attributes
 */

/**
 * Makes an element. Attributes that are functions are listeners, that are null or false are left out; strings become text.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value === true) made.setAttribute(name, "");
    else made.setAttribute(name, String(value));
  }
  fill(made, ...children);
  return made;
}

/**
 * Puts children, and nothing else, into an element.
 * @param {Element} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren(.../** @type {(Node | string)[]} */ (children.filter((child) => child !== null && child !== false)));
}

/**
 * Makes an element's children these, moving none that stands where it is to stand: what is under the mouse stays there.
 * @param {Element} parent
 * @param {Element[]} children
 */
export function arrange(parent, children) {
  const kept = new Set(children);
  for (const each of [...parent.children]) if (!kept.has(each)) each.remove();
  children.forEach((each, i) => {
    if (parent.children[i] !== each) parent.insertBefore(each, parent.children[i] ?? null);
  });
}

/**
 * Sets an element's text, touching the page only where it changes.
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
