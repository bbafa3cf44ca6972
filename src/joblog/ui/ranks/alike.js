// Lines that several ranks say alike but for numbers, as one line that shows what differs: pure, nothing here touches the page.

/**
 * @typedef {import("./merged.js").Line} Line
 * @typedef {{lines: Line[], parts: string[][]}} Group parts: what all say is one text, what differs the text of each
 */

const NUMBER = /[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** A rank's own number, with which it begins its lines: "[rank3]", "3:". */
const PREFIX = /^\W{0,4}(?:[a-z_]{0,12}rank|worker|gpu|npu|proc)?\W{0,2}(\d{1,6})\b/i;

/** Indented, as a traceback's lines are; but not the message of a C++ exception, which stands alone. */
const INDENTED = /^\s(?!\s*what\(\):)/;

/** What is longer is compared no further. */
const MAX_TEXT = 500;

/**
 * Groups the lines of one second: alike are those of different ranks whose words are the same, and whose first number is where
 * there are several, as the step before a loss; a rank's own number at the beginning is none of these. Indented lines, as a traceback's, stay where they stand.
 * @param {Line[]} lines
 * @returns {Group[]} in the order of their first lines
 */
export function grouped(lines) {
  /** @type {Map<string, {lines: Line[], ranks: Set<string>}[]>} */
  const open = new Map();
  /** @type {Line[][]} */
  const groups = [];
  for (const line of lines) {
    const numbers = line.text.length > MAX_TEXT || INDENTED.test(line.text) ? [] : (line.text.match(NUMBER) ?? []);
    const own = PREFIX.exec(line.text)?.[1] === line.task.slice(7) ? 1 : 0;
    const key = numbers.length > own ? `${line.at_ms} ${numbers.length > own + 1 ? numbers[own] : ""} ${line.text.replace(NUMBER, "#")}` : "";
    const place = key ? (open.get(key) ?? []).find((each) => !each.ranks.has(line.task)) : undefined;
    if (place) {
      place.lines.push(line);
      place.ranks.add(line.task);
      continue;
    }
    const made = [line];
    groups.push(made);
    if (key) open.set(key, [...(open.get(key) ?? []), { lines: made, ranks: new Set([line.task]) }]);
  }
  return groups.map((each) => ({ lines: each, parts: each.length > 1 ? partsOf(each.map(({ text }) => text)) : [[each[0].text]] }));
}

/**
 * @param {string[]} texts with the same words between their numbers
 * @returns {string[][]}
 */
function partsOf(texts) {
  const cut = texts.map((text) => text.split(new RegExp(`(${NUMBER.source})`)));
  /** @type {string[][]} */
  const parts = [];
  for (let i = 0; i < cut[0].length; i += 1) {
    const values = cut.map((each) => each[i]);
    const same = values.every((value) => value === values[0]);
    const last = parts[parts.length - 1];
    if (same && last?.length === 1) last[0] += values[0];
    else if (same) parts.push([values[0]]);
    else parts.push(values);
  }
  return parts.filter(([first], i) => first !== "" || parts[i].length > 1);
}

/**
 * What values reach from and to: "5.12…5.31".
 * @param {string[]} values
 */
export function range(values) {
  const sorted = [...values].sort((a, b) => Number(a) - Number(b));
  return `${sorted[0]}…${sorted[sorted.length - 1]}`;
}

/**
 * Ranks as they are written: "0,4-7".
 * @param {Iterable<number>} ranks
 */
export function ranksText(ranks) {
  const sorted = [...new Set(ranks)].sort((a, b) => a - b);
  /** @type {[number, number][]} */
  const runs = [];
  for (const rank of sorted) {
    const last = runs[runs.length - 1];
    if (last && last[1] === rank - 1) last[1] = rank;
    else runs.push([rank, rank]);
  }
  return runs.map(([low, high]) => (low === high ? `${low}` : `${low}-${high}`)).join(",");
}

/**
 * The last step that lines tell of; null where they tell of none.
 * @param {string[]} lines
 * @returns {string | null}
 */
export function lastStep(lines) {
  for (const line of [...lines].reverse()) {
    const match = /\b(?:global[_ ])?(?:step|iter|iteration|batch)s?\b\W{0,4}(\d{1,12})/i.exec(line.slice(0, MAX_TEXT));
    if (match) return match[1];
  }
  return null;
}
