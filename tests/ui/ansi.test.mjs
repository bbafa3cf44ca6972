// What escape sequences in a line mean. Whatever a line has in it, what is shown is its text, and nothing in it acts or hides.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isPlain, parts } from "../../src/joblog/ui/log/ansi.js";
import { folded } from "../../src/joblog/ui/log/text.js";

const MOST_PARTS = 2000;
const shown = (line) => parts(line).map((part) => part.text).join("");
const styles = (line) => parts(line).map(({ text, style }) => [text, style]);
const styled = (changes) => ({
  ...{ fg: null, bg: null, bold: false, dim: false, italic: false, underline: false, strike: false, inverse: false },
  ...changes,
});

test("text that is nothing but text stays as it is", () => {
  for (const line of ["", "loss 0.25", "a\tb", "<script>alert(1)</script> &amp; ${x}", "中文 é e\u0301", "\u{1f469}\u200d\u{1f4bb}", "\ud800 alone"]) {
    assert.equal(isPlain(line), true, line);
    assert.equal(shown(line), line);
  }
});

test("sequences that act on a terminal are dropped, with what they carry", () => {
  const lines = {
    "\x1b[2J\x1b[1;1Hover the top\x1b[?1049h": "over the top",
    "\x1b]0;a title\x07rest": "\u241brest",
    "\x1b]8;;http://evil.example/\x07click me\x1b]8;;\x07": "\u241bclick me\u241b",
    "\x1b]52;c;ZXZpbA==\x1b\\": "\u241b",
    "\x1bP1$r0m\x1b\\after": "\u241bafter",
    "\x1b(B\x1b=\x1bcplain": "plain",
    "\x1b[38;2;255;0;0;999999;mred\x1b[12;;;;;m": "red",
    "\x1b[>4;2m\x1b[ q\x1b[!p": "",
  };
  for (const [line, text] of Object.entries(lines)) assert.equal(shown(line), text, JSON.stringify(line));
});

test("sequences without an end take nothing of the text with them", () => {
  assert.equal(shown("\x1b]an escape without an end"), "\u241ban escape without an end");
  assert.equal(shown("cut \x1b[31"), "cut 31");
  assert.equal(shown("\x1b"), "\u241b");
  assert.equal(shown("\x1b]0;first\x1b]0;second\x07x"), "\u241b0;first\u241bx");
});

test("what does not show, or hides or reorders its neighbours, is made visible", () => {
  const hidden = {
    "\x00\x07\x08\x7f": "\u2400\u2407\u2408\u2421",
    "\x9b31m": "<U+009B>31m",
    "\u202etxt.exe\u2066": "<U+202E>txt.exe<U+2066>",
    "a\u200bb\u00adc\ufeff\u2028\u2029\u0085": "a<U+200B>b<U+00AD>c<U+FEFF><U+2028><U+2029><U+0085>",
    "\u3164\u115f\uffa0\u061c\u180e\u2060": "<U+3164><U+115F><U+FFA0><U+061C><U+180E><U+2060>",
    "a\u{e0041}\u{e007f}b": "a<U+E0041><U+E007F>b",
  };
  for (const [line, text] of Object.entries(hidden)) {
    assert.equal(isPlain(line), false);
    assert.equal(shown(line), text);
    assert.ok(parts(line).every((part) => part.odd === !line.includes(part.text)), "and is told from text that says the same");
  }
});

test("colours and styles become those of the text behind them", () => {
  const line = "\x1b[1;4;31ma\x1b[0m\x1b[38;5;208mb\x1b[48;2;1;2;3mc\x1b[0m\x1b[7md\x1b[27me\x1b[94;103mf\x1b[0m\x1b[38:2::9:8:7mg\x1b[mh";
  assert.deepEqual(styles(line), [
    ["a", styled({ fg: 1, bold: true, underline: true })],
    ["b", styled({ fg: "rgb(255, 135, 0)" })],
    ["c", styled({ fg: "rgb(255, 135, 0)", bg: "rgb(1, 2, 3)" })],
    ["d", styled({ inverse: true })],
    ["e", null],
    ["f", styled({ fg: 12, bg: 11 })],
    ["g", styled({ fg: "rgb(9, 8, 7)" })],
    ["h", null],
  ]);
});

test("every colour is one of sixteen, or three numbers from 0 to 255", () => {
  for (let code = 0; code < 300; code += 1) {
    const [[, style]] = styles(`\x1b[38;5;${code}mx`);
    if (code < 16) assert.deepEqual(style, styled({ fg: code }));
    else if (code > 255) assert.equal(style, null);
    else assert.ok(/^rgb\((\d+), (\d+), (\d+)\)$/.exec(style.fg).slice(1).every((each) => Number(each) <= 255), style.fg);
  }
  assert.deepEqual(styles("\x1b[38;5;16m0\x1b[38;5;231m1\x1b[38;5;232m2\x1b[38;5;255m3").map(([, style]) => style.fg), [
    "rgb(0, 0, 0)", "rgb(255, 255, 255)", "rgb(8, 8, 8)", "rgb(238, 238, 238)",
  ]);
  assert.equal(styles("\x1b[48;2;256;99999999999999999999;0mx")[0][1].bg, "rgb(255, 255, 0)");
});

test("colours that are cut short, or no numbers, change nothing that could be markup", () => {
  for (const codes of ["38", "38;5", "38;2;1;2", "48:2", "38;2", "4:3", "?25", "1;x", "38;5;;", "38;7;1"]) {
    for (const [, style] of styles(`\x1b[${codes}mx`)) {
      for (const value of [style?.fg ?? null, style?.bg ?? null]) assert.ok(value === null || Number.isInteger(value) || /^rgb\([\d, ]+\)$/.test(value), codes);
    }
  }
});

test("each style is taken back by its own code", () => {
  for (const [on, off, name] of [[1, 22, "bold"], [2, 22, "dim"], [3, 23, "italic"], [4, 24, "underline"], [7, 27, "inverse"], [9, 29, "strike"], [35, 39, "fg"], [45, 49, "bg"]]) {
    const [[, before], [, after]] = styles(`\x1b[${on}ma\x1b[${off}mb`);
    assert.notEqual(before[name], styled({})[name]);
    assert.equal(after, null);
  }
});

test("a line with thousands of changes keeps all of its text, in bounded many parts", () => {
  const found = parts("\x1b[31ma\x1b[32mb".repeat(5000));
  assert.equal(found.length, MOST_PARTS);
  assert.equal(found.map((part) => part.text).join(""), "ab".repeat(5000));
});

test("a line of a megabyte of unfinished sequences is read once", () => {
  for (const each of ["\x1b[", "\x1b]", "\x1b[0;", "0;", "\x1b]0", "\x1b[ "]) {
    const line = `\x1b[${each.repeat(500_000)}`;
    assert.equal(isPlain(line), false);
    assert.ok(parts(line).length <= MOST_PARTS);
  }
});

test("of any characters nothing is shown that hides, and every visible one is", () => {
  let seed = 1;
  const below = (end) => {
    seed = (seed * 48271) % 2147483647;
    return seed % end;
  };
  const odd = ["\x1b", "[", "]", "m", ";", "3", "8", ":", "\x07", "\\", "\x9b", "\u202e", "\u200b", "\x00", "\x7f", "\t", "\u{e0041}", "a", "中", "<"];
  for (let turn = 0; turn < 3000; turn += 1) {
    const line = Array.from({ length: below(40) }, () => odd[below(odd.length)]).join("");
    const text = shown(line);
    assert.doesNotMatch(text, /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202e]|\udb40[\udc00-\udc7f]/, JSON.stringify(line));
    const visible = [...line].filter((each) => "a中<".includes(each)).length;
    if (!line.includes("\x1b")) assert.equal([...text.replace(/<U\+[0-9A-F]+>/g, "")].filter((each) => "a中<".includes(each)).length, visible);
  }
});

test("a line that overwrote itself shows what was left, and has every frame", () => {
  assert.deepEqual(folded("\r0%\r50%\r100%"), { last: "100%", frames: ["0%", "50%", "100%"] });
  assert.deepEqual(folded("windows\r"), { last: "windows", frames: ["windows"] });
  assert.deepEqual(folded("plain"), { last: "plain", frames: ["plain"] });
  assert.deepEqual(folded("\r\r"), { last: "", frames: [] });
});
