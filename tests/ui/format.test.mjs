// Numbers as people read them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { duration, number, shortNumber, size, time } from "../../src/joblog/ui/format.js";

test("a size has three digits and the unit that suits it", () => {
  const sizes = {
    0: "0 B", 1: "1 B", 999: "999 B", 1000: "1.00 KB", 9994: "9.99 KB", 9995: "10.0 KB", 99_949: "99.9 KB", 99_950: "100 KB",
    999_499: "999 KB", 999_500: "1.00 MB", 3_200_000: "3.20 MB", 64_000_000_000: "64.0 GB", 1e15: "1.00 PB", 5e18: "5000 PB",
  };
  for (const [bytes, text] of Object.entries(sizes)) assert.equal(size(Number(bytes)), text, bytes);
});

test("a number has its thousands apart, whatever the reader's locale", () => {
  assert.deepEqual([0, 999, 1000, 1234567, 2 ** 53 - 1].map(number), ["0", "999", "1,000", "1,234,567", "9,007,199,254,740,991"]);
});

test("a duration has its two largest parts, without those that are none", () => {
  const durations = {
    0: "0s", 499: "0s", 500: "1s", 59_499: "59s", 59_500: "1m", 61_000: "1m 1s", 3_600_000: "1h", 3_601_000: "1h", 3_661_000: "1h 1m",
    86_400_000: "1d", 90_000_000: "1d 1h", 8_640_000_000: "100d", "-5000": "0s",
  };
  for (const [ms, text] of Object.entries(durations)) assert.equal(duration(Number(ms)), text, ms);
});

test("a time is the reader's own, and can be sorted as text", () => {
  assert.equal(time(new Date(2026, 0, 2, 3, 4, 5, 999).getTime()), "2026-01-02 03:04:05");
  assert.equal(time(new Date(2026, 11, 31, 23, 59, 59).getTime()), "2026-12-31 23:59:59");
});

test("a value of a plot has five digits, or a power of ten", () => {
  const values = {
    0: "0", 42: "42", "-7": "-7", 9_999_999: "9999999", 10_000_000: "1e+7", "-12345678": "-1.23e+7", 0.1: "0.1", 1.23456789: "1.2346",
    0.001: "0.001", 0.00099: "9.9e-4", "-1.5e-9": "-1.5e-9", 123456.789: "123460", 1e300: "1e+300",
  };
  for (const [value, text] of Object.entries(values)) assert.equal(shortNumber(Number(value)), text, value);
  assert.equal(shortNumber(null), "");
});
