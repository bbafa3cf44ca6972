// Lines that ranks say alike but for numbers.

import assert from "node:assert/strict";
import { test } from "node:test";

import { grouped, lastStep, range, ranksText } from "../../src/joblog/ui/ranks/alike.js";

const line = (rank, text, at = 1000) => ({ text, ranks: String(rank), count: 1, at_ms: at, task: `worker-${rank}`, start_byte: 0, end_byte: 1 });
const shown = (lines) => grouped(lines).map(({ lines: of, parts }) => [of.map((each) => each.task.slice(7)).join(), parts]);

test("what differs is told apart from what all say, step by step", () => {
  const lines = [0, 1].flatMap((rank) => [5, 6].map((step) => line(rank, `step ${step} loss ${rank}.5 ok`)));
  assert.deepEqual(shown(lines), [
    ["0,1", [["step 5 loss "], ["0.5", "1.5"], [" ok"]]],
    ["0,1", [["step 6 loss "], ["0.5", "1.5"], [" ok"]]],
  ]);
});

test("lines of one rank, of other words, or of another second stay apart", () => {
  assert.equal(grouped([line(0, "loss 1"), line(0, "loss 2")]).length, 2);
  assert.equal(grouped([line(0, "loss 1"), line(1, "lr 1")]).length, 2);
  assert.equal(grouped([line(0, "loss 1"), line(1, "loss 2", 2000)]).length, 2);
  assert.equal(grouped([line(0, "no number"), line(1, "no number")]).length, 2);
  assert.equal(grouped([line(0, '  File "x.py", line 1'), line(1, '  File "x.py", line 2')]).length, 2);
  assert.equal(grouped([line(0, "  what():  Rank 0 timed out"), line(1, "  what():  Rank 1 timed out")]).length, 1);
  assert.deepEqual(shown([line(0, "at 3"), line(1, "at 4")]), [["0,1", [["at "], ["3", "4"]]]]);
});

test("a rank's own number in front of its lines does not keep them apart", () => {
  const lines = [0, 1].flatMap((rank) => [4, 5].map((step) => line(rank, `[rank${rank}] step ${step} loss ${rank}.5`)));
  assert.deepEqual(shown(lines).map(([ranks, parts]) => [ranks, parts.length]), [["0,1", 4], ["0,1", 4]]);
  assert.equal(grouped([0, 1].map((rank) => line(rank, `${rank}: step ${rank} loss 1`))).length, 2);
});

test("every line is in one group, once", () => {
  const lines = Array.from({ length: 500 }, (_, i) => line(i % 7, `a ${i % 3} b ${i % 11}`, i % 2));
  const all = grouped(lines).flatMap((each) => each.lines);
  assert.equal(all.length, 500);
  assert.equal(new Set(all).size, 500);
  for (const { lines: of, parts } of grouped(lines)) {
    of.forEach((each, i) => assert.equal(parts.map((part) => (part.length === 1 ? part[0] : part[i])).join(""), each.text));
  }
});

test("ranges, ranks and steps as they are read", () => {
  assert.equal(range(["5.3", "5.12", "10"]), "5.12…10");
  assert.equal(ranksText([7, 0, 5, 6, 6]), "0,5-7");
  assert.equal(lastStep(["step 4", "global_step=17 loss 3", "done"]), "17");
  assert.equal(lastStep(["Iteration: 9/10"]), "9");
  assert.equal(lastStep(["nothing"]), null);
});
