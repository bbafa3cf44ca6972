// Places in logs, as they are typed, as addresses say them, and as links to them are made.

import assert from "node:assert/strict";
import { test } from "node:test";

import { bytesLink, logPath, versionPath } from "../../src/joblog/ui/api.js";
import { members } from "../../src/joblog/ui/log/members.js";
import { fromHash, hashOf } from "../../src/joblog/ui/log/selection.js";
import { goalOf, isMoment } from "../../src/joblog/ui/log/where.js";

test("a line is its number, a share, or so many from the end", () => {
  const goals = {
    12345: [12345, true], L77: [77, true], l77: [77, true], 0: [0, true], 99999: [29999, true], 999999999999999: [29999, true], 1.9: [1, true],
    "50%": [15000, false], "50 %": [15000, false], "0%": [0, false], "100%": [29999, false], "12.5%": [3750, false], "-10": [29990, false], "-1": [29999, false],
  };
  for (const [text, [line, exact]] of Object.entries(goals)) assert.deepEqual(goalOf(text, 0, 30_000), { line, exact }, text);
});

test("lines that retention has taken are not gone to", () => {
  assert.deepEqual(goalOf("5", 100, 200), { line: 100, exact: true });
  assert.deepEqual(goalOf("0%", 100, 200), { line: 100, exact: false });
  assert.deepEqual(goalOf("50%", 100, 201), { line: 150, exact: false });
});

test("what names no line is none", () => {
  for (const text of ["", " ", "-", "L", "%", "101%", "-5%", "1e3", "0x10", "1 2", "+5", "１２", "1234567890123456", "NaN", "<b>", "10m", "--1"]) {
    assert.equal(goalOf(text, 0, 100), null, JSON.stringify(text));
  }
});

test("moments are so long ago, or begin with a date", () => {
  for (const text of ["90s", "10m", "2h", "7d", "999999s", "2026-01-31", "2026-01-31 12:00", "2026-01-31T12:00:00Z"]) assert.ok(isMoment(text), text);
  for (const text of ["", "10", "10x", "m", "1.5h", "1000000s", "-5m", "26-01-31", "today", " 10m", "10m "]) assert.ok(!isMoment(text), text);
});

test("selected lines are in the address and come out of it again", () => {
  for (const lines of [{ first: 0, last: 0 }, { first: 120, last: 140 }, { first: 0, last: 999_999_999_999_999 }]) {
    assert.deepEqual(fromHash(hashOf(lines)), lines);
  }
  assert.equal(hashOf(null), "");
  assert.equal(hashOf({ first: 7, last: 7 }), "#L7");
  assert.deepEqual(fromHash("#L9-L5"), { first: 5, last: 9 });
  assert.deepEqual(fromHash("#L5-9"), { first: 5, last: 9 });
});

test("an address that names no lines selects none", () => {
  for (const hash of ["", "#", "#L", "#l5", "#5", "#L5-", "#L-5", "#L5-L", "#L5-L6-L7", "#L1234567890123456", "#L5 ", "#B4096", "#L5<b>", "L5", "#L1\n"]) {
    assert.equal(fromHash(hash), null, JSON.stringify(hash));
  }
});

test("a project's name stays one part of a path, whatever is in it", () => {
  const address = { project: "a/../b?c#d e%2f", job: 1, version: 2, task: "worker-0" };
  assert.equal(versionPath(address), "/projects/a%2F..%2Fb%3Fc%23d%20e%252f/jobs/1/versions/2");
  assert.equal(logPath(address), `${versionPath(address)}/logs/worker-0`);
  assert.equal(bytesLink(address, 4096), `${logPath(address)}#B4096`);
});

test("ranks are named one by one and in stretches", () => {
  assert.deepEqual([...members("0")], [0]);
  assert.deepEqual([...members("0,4-7,12")], [0, 4, 5, 6, 7, 12]);
  assert.deepEqual([...members("3-3")], [3]);
});
