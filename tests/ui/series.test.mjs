// Numbers that runs print, as curves.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { COLOURS, aligned, isPositive, nearest, plotsOf, rankOf, smoothed } from "../../src/joblog/ui/plots/series.js";

before(() => Object.defineProperty(globalThis, "navigator", { value: { languages: ["en"] }, configurable: true }));

const points = (name, task, steps, values, times_ms = steps.map((_, i) => i * 1000)) => ({
  ...{ name, task, steps, values, times_ms, count: values.length, bytes: steps.map((_, i) => i * 10) },
});
const run = (id, items) => ({ run: { id, number: id }, items });
const drawn = ({ x, y, at }) => ({ x, y, at });

test("losses come first, then what has most points, then by name", () => {
  const items = [points("acc", "worker-0", [0, 1], [1, 2]), points("lr", "worker-0", [0], [1]), points("val_LOSS", "worker-0", [0], [1]), points("bb", "worker-0", [0], [1])];
  assert.deepEqual(plotsOf([run(1, items)], "step").map((plot) => plot.name), ["val_LOSS", "acc", "bb", "lr"]);
});

test("the ranks of one run are curves in the order of their numbers, each in a colour of its own", () => {
  const items = ["worker-10", "worker-2", "worker-0"].map((task) => points("loss", task, [0], [1]));
  const [{ curves }] = plotsOf([run(1, items)], "step");
  assert.deepEqual(curves.map((curve) => [curve.label, curve.colour, curve.dashed]), [["rank 0", 0, false], ["rank 2", 1, false], ["rank 10", 2, false]]);
  const many = Array.from({ length: COLOURS + 1 }, (_, rank) => points("loss", `worker-${rank}`, [0], [1]));
  assert.deepEqual(plotsOf([run(1, many)], "step")[0].curves.map((curve) => curve.colour), [0, 1, 2, 3, 4, 5, 6, 7, 0]);
});

test("another run is dashed, behind, and in another colour", () => {
  const both = [run(2, [points("loss", "worker-0", [0], [1])]), run(1, [points("loss", "worker-0", [0], [2])])];
  const [{ curves }] = plotsOf(both, "step");
  assert.deepEqual(curves.map((curve) => [curve.label, curve.colour, curve.dashed]), [["#2", 0, false], ["#1", 1, true]]);
  const ranks = both.map(({ run: each, items }) => ({ run: each, items: [...items, points("loss", "worker-1", [0], [1])] }));
  assert.deepEqual(plotsOf(ranks, "step")[0].curves.map((curve) => curve.label), ["#2 · rank 0", "#2 · rank 1", "#1 · rank 0", "#1 · rank 1"]);
});

test("of a step that was printed again the last counts, as after a return to a checkpoint", () => {
  const [{ curves }] = plotsOf([run(1, [points("loss", "worker-0", [0, 1, 2, 1, 2, 3], [10, 11, 12, 21, 22, 23])])], "step");
  assert.deepEqual(drawn(curves[0]), { x: [0, 1, 2, 3], y: [10, 21, 22, 23], at: [0, 3, 4, 5] });
});

test("points without a step stand between their neighbours; where there is none they are counted", () => {
  const found = [run(1, [points("loss", "worker-0", [null, null], [1, 2]), points("lr", "worker-0", [null, 5, null, 7, null], [3, 4, 5, 6, 7])])];
  assert.deepEqual(plotsOf(found, "step").map((plot) => [plot.name, drawn(plot.curves[0])]), [
    ["loss", { x: [0, 1], y: [1, 2], at: [0, 1] }],
    ["lr", { x: [4, 5, 6, 7, 8], y: [3, 4, 5, 6, 7], at: [0, 1, 2, 3, 4] }],
  ]);
  assert.deepEqual(plotsOf(found, "time").map((plot) => plot.name), ["loss", "lr"]);
  assert.deepEqual(plotsOf([], "step"), []);
  assert.deepEqual(plotsOf([run(1, [])], "time"), []);
});

test("points of one second are spread over it, in their order, from the run's first number on", () => {
  const items = [points("loss", "worker-0", [0, 1, 2, 3], [1, 2, 3, 4], [5000, 5000, 6000, 6000]), points("lr", "worker-0", [0], [1], [4000])];
  const loss = plotsOf([run(1, items)], "time").find((plot) => plot.name === "loss");
  assert.deepEqual(drawn(loss.curves[0]), { x: [1, 1.5, 2, 2.5], y: [1, 2, 3, 4], at: [0, 1, 2, 3] });
});

test("curves are aligned to all x, with nothing where one has no point and null where it has no number", () => {
  const [{ curves }] = plotsOf([run(1, [points("loss", "worker-0", [0, 2], [1, null]), points("loss", "worker-1", [1, 2], [3, 4])])], "step");
  assert.deepEqual(aligned(curves), [[0, 1, 2], [1, undefined, null], [undefined, 3, 4]]);
  assert.deepEqual(aligned([]), [[]]);
});

test("the nearest point is that on the screen, and never one without a number", () => {
  const [{ curves }] = plotsOf([run(1, [points("loss", "worker-0", [0, 10], [0, null]), points("loss", "worker-1", [0, 10], [100, 100])])], "step");
  const place = (left, top) => {
    const found = nearest(curves, (x) => x * 10, (y) => y, left, top);
    return found && [rankOf(found.curve.points.task), found.i];
  };
  assert.deepEqual(place(0, 0), ["0", 0]);
  assert.deepEqual(place(0, 60), ["1", 0]);
  assert.deepEqual(place(99, 0), ["0", 0], "99 to the left of it, where the other is 100 away");
  assert.deepEqual(place(99, 5), ["1", 1]);
  assert.equal(nearest([], (x) => x, (y) => y, 0, 0), null);
  assert.equal(nearest(curves, () => NaN, () => NaN, 0, 0), null);
});

test("smoothing is an average of what came before, and leaves gaps", () => {
  assert.deepEqual(smoothed([1, null, 3], 0), [1, null, 3]);
  const values = smoothed([4, null, 4, 8], 0.5);
  assert.equal(values[0], 4);
  assert.equal(values[1], null);
  assert.equal(values[2], 4);
  assert.ok(values[3] > 4 && values[3] < 8);
});

test("a logarithmic scale is for what is above nothing", () => {
  assert.equal(isPositive([{ y: [null, 0, -1] }]), false);
  assert.equal(isPositive([{ y: [null, -1] }, { y: [1e-9] }]), true);
});
