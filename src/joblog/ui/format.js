// Numbers as people read them.

const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"];

/** @param {number} bytes */
export function size(bytes) {
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

const GROUPED = new Intl.NumberFormat("en-US");

/** @param {number} value */
export function number(value) {
  return GROUPED.format(value);
}

/**
 * A value or a step of a plot: five digits, or a power of ten; nothing for none.
 * @param {number | null} value
 */
export function shortNumber(value) {
  if (value === null) return "";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e7) return String(value);
  return size >= 1e7 || size < 1e-3 ? value.toExponential(2).replace(/\.?0+e/, "e") : String(Number(value.toPrecision(5)));
}

/** @param {number} ms */
export function duration(ms) {
  const s = Math.max(Math.round(ms / 1000), 0);
  const parts = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60, s % 60];
  const first = parts.findIndex((part) => part > 0);
  if (first < 0) return "0s";
  return parts
    .slice(first, first + 2)
    .map((part, i) => `${part}${"dhms"[first + i]}`)
    .filter((part) => !part.startsWith("0"))
    .join(" ");
}

/**
 * When something was, as short as it can be said: today's without the day.
 * @param {number} ms
 * @param {number} [now]
 */
export function moment(ms, now = Date.now()) {
  const [day, clock] = time(ms).split(" ");
  const year = time(now).slice(0, 4);
  if (day === time(now).slice(0, 10)) return clock.slice(0, 5);
  return day.startsWith(year) ? `${day.slice(5)} ${clock.slice(0, 5)}` : day;
}

/** @param {number} ms */
export function time(ms) {
  const at = new Date(ms);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}
