// Prints which lines cost the viewer more than linear time: eight times as long, more than 24 times as much. Stands behind ansi.js
// and severity.js, whose functions these are.

const SHORT = 1 << 16;
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

const wrong = [];
for (const [name, view] of Object.entries({ isPlain, parts, severity })) {
  for (const unit of UNITS) {
    const again = (/** @type {number} */ size) => unit.repeat(size / unit.length);
    const parameters = (/** @type {number} */ size) => `\x1b[${again(size)}m`;
    const begun = (/** @type {number} */ size) => unit + "1".repeat(size);
    for (const [family, made] of Object.entries({ again, parameters, begun })) {
      if (!isLinear(view, made)) wrong.push(`${name}: ${family} ${JSON.stringify(unit)}`);
    }
  }
}
process.stdout.write(JSON.stringify(wrong));
