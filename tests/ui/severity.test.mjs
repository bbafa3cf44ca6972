// Which lines tell of errors and warnings, and which only have such a word in them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { EITHER, severity } from "../../src/joblog/ui/log/severity.js";

const ERRORS = [
  "ERROR: out of disk", "2026-01-01 12:00:00 ERROR x", "FATAL", "CRITICAL:root:gone", "kernel PANIC now", "CUDA OOM",
  "ValueError: bad", "torch.cuda.OutOfMemoryError: CUDA", "java.lang.NullPointerException", "error: no such file", "Error: x", "panic: runtime",
  "Traceback (most recent call last):", "Segmentation fault", "segmentation fault (core dumped)", "RuntimeError: Out of memory",
  "Killed", "\x1b[31mERROR\x1b[0m red", "\x1b[1;31mValueError: x",
];
const WARNINGS = ["WARN x", "WARNING: x", "UserWarning: deprecated", "warning: unused", "Warning: x", "\x1b[33mWARN\x1b[0m"];
const NEITHER = [
  "", "eval_error=0.03", "error: 0.25", "Error: -1.5", "error: +3", "errors: 0", "no errors", "ERRORS_TOTAL 0", "TERROR", "MYERROR", "oom_score 0",
  "Killed 3 workers", "warnings were off", "forewarning", "mean error 0.1", "loss_error 1", "a panic attack", "OOMPH",
];

test("lines that tell of errors", () => {
  for (const line of ERRORS) assert.equal(severity(line), "error", line);
});

test("lines that tell of warnings", () => {
  for (const line of WARNINGS) assert.equal(severity(line), "warning", line);
});

test("lines that tell of neither", () => {
  for (const line of NEITHER) assert.equal(severity(line), null, line);
});

test("an error counts more than a warning in the same line", () => {
  assert.equal(severity("WARNING: ERROR"), "error");
});

test("the server's search finds the lines that are coloured, and no others", () => {
  const either = new RegExp(EITHER);
  for (const line of [...ERRORS, ...WARNINGS]) assert.ok(either.test(line), line);
  for (const line of NEITHER) assert.ok(!either.test(line), line);
});

test("a megabyte in one line is looked at as far as its first 2000 characters", () => {
  assert.equal(severity(`${"x ".repeat(500_000)}ERROR`), null);
  assert.equal(severity(`ERROR ${"x".repeat(1_000_000)}`), "error");
  assert.equal(severity("E".repeat(1_000_000)), null);
  assert.equal(severity(`${"A".repeat(61)}${"a".repeat(1_000_000)}Error`), null);
  assert.equal(severity("\x1b[".repeat(500_000)), null);
});
