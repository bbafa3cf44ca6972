// What escape sequences in a line mean: colours become styles, all others are dropped or shown; text stays text.

/**
 * @typedef {{fg: number | string | null, bg: number | string | null, bold: boolean, dim: boolean, italic: boolean,
 *   underline: boolean, strike: boolean, inverse: boolean}} Style
 * @typedef {{text: string, style: Style | null, odd: boolean}} Part a stretch of text; odd: a character made visible
 */

// In turn: CSI; OSC and its like with their ends, which carry text that a terminal does not show; other escapes; characters
// that do not show, or that reorder or hide what stands beside them (bidi controls, zero width, separators of lines).
const SPECIAL = new RegExp(
  [
    "\\x1b\\[[0-?]*[ -/]*[@-~]",
    "\\x1b[\\]PX^_][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)",
    "\\x1b[ -/]*[0-~]",
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u00ad\\u061c\\u115f\\u1160\\u180e\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u2069\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb]",
    "\\udb40[\\udc00-\\udc7f]",
  ].join("|"),
  "g",
);

/** A line with more changes of style is shown without the others: no log makes the page slow. */
const MOST_PARTS = 2000;

/** @type {Style} */
const PLAIN = {
  fg: null,
  bg: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
};

/**
 * Splits a line into stretches of one style each.
 * @param {string} line
 * @returns {Part[]}
 */
export function parts(line) {
  /** @type {Part[]} */
  const found = [];
  /** @type {Style | null} */
  let style = null;
  let at = 0;
  for (const match of line.matchAll(SPECIAL)) {
    const from = match.index ?? 0;
    if (from > at) push(found, { text: line.slice(at, from), style, odd: false });
    at = from + match[0].length;
    if (match[0].startsWith("\x1b[")) {
      if (match[0].endsWith("m")) style = styled(style, match[0].slice(2, -1));
    } else if (!/^\x1b[^\]PX^_]/.test(match[0])) {
      push(found, { text: visible(match[0]), style, odd: true });
    }
  }
  if (at < line.length) push(found, { text: line.slice(at), style, odd: false });
  return found;
}

/**
 * Whether a line is text and nothing else, as most are.
 * @param {string} line
 */
export function isPlain(line) {
  return line.search(SPECIAL) < 0;
}

/**
 * @param {Part[]} found
 * @param {Part} part
 */
function push(found, part) {
  const last = found[found.length - 1];
  if (last && found.length >= MOST_PARTS) last.text += part.text;
  else found.push(part);
}

/** @param {string} odd */
function visible(odd) {
  const code = odd.codePointAt(0) ?? 0;
  if (odd.length > 2) return "\u241b";
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
}

/**
 * @param {Style | null} before
 * @param {string} parameters
 * @returns {Style | null}
 */
function styled(before, parameters) {
  if (!/^[\d;:]*$/.test(parameters)) return before;
  const style = { ...(before ?? PLAIN) };
  const flat = parameters
    .replace(/([34]8):2:(?:\d*:)?(\d+):(\d+):(\d+)/g, "$1;2;$2;$3;$4")
    .replace(/([34]8):5:(\d+)/g, "$1;5;$2")
    .replace(/:\d*/g, "");
  const codes = flat.split(";").map((each) => Math.min(Number(each || 0), 65535));
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i];
    if (code === 0) Object.assign(style, PLAIN);
    else if (code === 38 || code === 48) i = extended(style, code === 38 ? "fg" : "bg", codes, i);
    else simple(style, code);
  }
  const same = Object.entries(PLAIN).every(([name, value]) => style[/** @type {keyof Style} */ (name)] === value);
  return same ? null : style;
}

/**
 * 38;5;N and 38;2;R;G;B, also 38:2::R:G:B. Returns where the colour ends.
 * @param {Style} style
 * @param {"fg" | "bg"} which
 * @param {number[]} codes
 * @param {number} i
 */
function extended(style, which, codes, i) {
  if (codes[i + 1] === 5) {
    const colour = codes[i + 2] ?? 0;
    if (colour < 16) style[which] = colour;
    else if (colour < 256) style[which] = indexed(colour);
    return i + 2;
  }
  if (codes[i + 1] === 2) {
    const rgb = codes.slice(i + 2, i + 5).map((each) => Math.min(each, 255));
    if (rgb.length === 3) style[which] = `rgb(${rgb.join(", ")})`;
    return i + 4;
  }
  return i;
}

/** @param {number} colour 16 to 255: a cube of six steps a side, then greys */
function indexed(colour) {
  if (colour >= 232) {
    const grey = 8 + (colour - 232) * 10;
    return `rgb(${grey}, ${grey}, ${grey})`;
  }
  const step = (/** @type {number} */ n) => (n ? 55 + n * 40 : 0);
  const n = colour - 16;
  return `rgb(${step(Math.floor(n / 36))}, ${step(Math.floor(n / 6) % 6)}, ${step(n % 6)})`;
}

/**
 * @param {Style} style
 * @param {number} code
 */
function simple(style, code) {
  if (code === 1) style.bold = true;
  else if (code === 2) style.dim = true;
  else if (code === 3) style.italic = true;
  else if (code === 4) style.underline = true;
  else if (code === 7) style.inverse = true;
  else if (code === 9) style.strike = true;
  else if (code === 22) style.bold = style.dim = false;
  else if (code === 23) style.italic = false;
  else if (code === 24) style.underline = false;
  else if (code === 27) style.inverse = false;
  else if (code === 29) style.strike = false;
  else if (code >= 30 && code <= 37) style.fg = code - 30;
  else if (code === 39) style.fg = null;
  else if (code >= 40 && code <= 47) style.bg = code - 40;
  else if (code === 49) style.bg = null;
  else if (code >= 90 && code <= 97) style.fg = code - 82;
  else if (code >= 100 && code <= 107) style.bg = code - 92;
}
