// A line takes the viewer linear time, whatever is in it: eight times as long, at most 24 times as much of the processor.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isPlain, parts } from "../../src/joblog/ui/log/ansi.js";
import { severity } from "../../src/joblog/ui/log/severity.js";

const SHORT = 1 << 14; // of whose square a viewer takes seconds when it is eight times as long
const TIMES = 8;
const AT_MOST = 24;
const SEEN_MS = 40; // what takes less than this in its long form is no trouble

const UNITS = [
  ..."x \t\u0301\u200b\u202e".split(""),
  ...["\x1b", "\x1b[", "\x1b[0", "\x1b[0 ", "\x1b[1m", "\x1b[38:2:1", "\x1b[38;2;1;2;3mx", "\x1b]", "\x1b]x", "\x1bP", "\x1b\\", "\udb40"],
  ...["Error", "error: ", "A", "Aa", "WARN", "Killed", "Traceback (most recent", "A_", "1", ";", ":", "m\x1b["],
];

/** @param {(line: string) => unknown} view @param {string} line */
function milliseconds(view, line) {
  const begun = process.cpuUsage();
  view(line);
  return (process.cpuUsage(begun).user + process.cpuUsage(begun).system) / 1000;
}

/** @param {(line: string) => unknown} view @param {(size: number) => string} made */
function isLinear(view, made) {
  for (let tries = 0; tries < 3; tries += 1) {
    const long = milliseconds(view, made(SHORT * TIMES));
    if (long < SEEN_MS || long < AT_MOST * milliseconds(view, made(SHORT))) return true;
  }
  return false;
}

for (const [name, view] of Object.entries({ isPlain, parts, severity })) {
  test(`${name} takes linear time`, () => {
    const wrong = UNITS.flatMap((unit) => {
      const again = (/** @type {number} */ size) => unit.repeat(size / unit.length);
      const parameters = (/** @type {number} */ size) => `\x1b[${again(size)}m`;
      const begun = (/** @type {number} */ size) => unit + "1".repeat(size);
      return [again, parameters, begun].filter((made) => !isLinear(view, made)).map((made) => `${made.name} ${JSON.stringify(unit)}`);
    });
    assert.deepEqual(wrong, []);
  });
}
