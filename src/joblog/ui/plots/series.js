// Numbers that runs print, as curves: pure, nothing here touches the page.

import { t } from "../i18n.js";

/**
 * As the API's `metrics` gives them: entry i of each list is one point.
 * @typedef {{task: string, name: string, count: number, steps: (number | null)[], times_ms: number[],
 *   values: (number | null)[], bytes: number[], unit: string, axis: string}} Points
 * @typedef {{job?: number, id: number, number: number, name?: string}} Run
 * @typedef {"step" | "time"} Over
 */

/**
 * One curve: x ascending. `at` are indexes into `points`, of the points that are drawn.
 * @typedef {{run: Run, points: Points, colour: number, dashed: boolean, label: string, x: number[], y: (number | null)[], at: number[]}} Curve
 * @typedef {{name: string, unit: string, axis: string, curves: Curve[]}} Plot
 */

/** How many colours the stylesheet has. */
export const COLOURS = 8;

/**
 * Puts series with the same name into one plot. Losses come first, then what has most points.
 * @param {{run: Run, items: Points[]}[]} found the first run is the one that is looked at
 * @param {Over} over
 * @returns {Plot[]}
 */
export function plotsOf(found, over) {
  const tasks = [...new Set(found.flatMap(({ items }) => items.map((each) => each.task)))].sort(byRank);
  const several = { runs: found.length > 1, tasks: tasks.length > 1 };
  /** @type {Map<string, Curve[]>} */
  const named = new Map();
  found.forEach(({ run, items }, number) => {
    const begun = Math.min(...items.map((each) => each.times_ms[0] ?? Infinity));
    for (const points of items) {
      const label = [several.runs ? (run.name ?? `#${run.number}`) : "", several.tasks || !several.runs ? t("ranksAre", rankOf(points.task)) : ""].filter(Boolean).join(" · ");
      const colour = (tasks.indexOf(points.task) + number * Math.max(tasks.length, 1)) % COLOURS;
      const curve = { run, points, colour, dashed: number > 0, label, ...drawn(points, over, begun) };
      if (!curve.x.length) continue;
      const curves = named.get(points.name);
      if (curves) curves.push(curve);
      else named.set(points.name, [curve]);
    }
  });
  for (const curves of named.values()) curves.sort((a, b) => Number(a.dashed) - Number(b.dashed) || byRank(a.points.task, b.points.task));
  const plots = [...named].map(([name, curves]) => ({ name, unit: curves[0].points.unit ?? "", axis: curves[0].points.axis ?? "", curves }));
  const most = (/** @type {Plot} */ plot) => Math.max(...plot.curves.map((each) => each.points.count));
  return plots.sort((a, b) => Number(isLoss(b.name)) - Number(isLoss(a.name)) || most(b) - most(a) || (a.name < b.name ? -1 : 1));
}

/**
 * What of a series is drawn, by x; of several with the same step the last, as of a run that went back to a checkpoint.
 * @param {Points} points
 * @param {Over} over
 * @param {number} begun when the run printed its first number
 * @returns {{x: number[], y: (number | null)[], at: number[]}}
 */
function drawn(points, over, begun) {
  const steps = over === "step" ? stepsOf(points.steps) : [];
  const known = points.values.map((_, i) => ({ i, x: over === "step" ? steps[i] : (points.times_ms[i] - begun) / 1000 }));
  known.sort((a, b) => a.x - b.x || a.i - b.i);
  const last = over === "step" ? known.filter(({ x }, n) => known[n + 1]?.x !== x) : spread(known);
  return { x: last.map(({ x }) => x), y: last.map(({ i }) => points.values[i]), at: last.map(({ i }) => i) };
}

/**
 * Where there is no step a point stands between its neighbours; where there is none at all points are counted.
 * @param {(number | null)[]} steps
 * @returns {number[]}
 */
function stepsOf(steps) {
  const known = steps.flatMap((step, i) => (step === null ? [] : [i]));
  if (!known.length) return steps.map((_, i) => i);
  let next = 0;
  return steps.map((step, i) => {
    while (next < known.length && known[next] < i) next += 1;
    if (step !== null) return step;
    const [low, high] = [known[next - 1], known[next]];
    if (high === undefined) return /** @type {number} */ (steps[low]) + i - low;
    if (low === undefined) return /** @type {number} */ (steps[high]) - (high - i);
    const [from, to] = [/** @type {number} */ (steps[low]), /** @type {number} */ (steps[high])];
    return from + ((to - from) * (i - low)) / (high - low);
  });
}

/**
 * Times are known to the second: points of one second are spread over it, in their order.
 * @param {{i: number, x: number}[]} known
 */
function spread(known) {
  /** @type {Map<number, number>} */
  const many = new Map();
  for (const { x } of known) many.set(x, (many.get(x) ?? 0) + 1);
  let before = NaN;
  let nth = 0;
  return known.map(({ i, x }) => {
    nth = x === before ? nth + 1 : 0;
    before = x;
    return { i, x: x + nth / /** @type {number} */ (many.get(x)) };
  });
}

/**
 * The curves as uPlot takes them: one list of all x, and for each curve its y there; undefined where it has no point.
 * @param {Curve[]} curves
 * @returns {[number[], ...(number | null | undefined)[][]]}
 */
export function aligned(curves) {
  const x = [...new Set(curves.flatMap((each) => each.x))].sort((a, b) => a - b);
  const index = new Map(x.map((value, i) => [value, i]));
  return [
    x,
    ...curves.map((curve) => {
      /** @type {(number | null | undefined)[]} */
      const y = new Array(x.length).fill(undefined);
      curve.x.forEach((value, i) => (y[/** @type {number} */ (index.get(value))] = curve.y[i]));
      return y;
    }),
  ];
}

/**
 * An average of what came before, in which older values weigh less and less; a gap stays a gap.
 * @param {(number | null)[]} values
 * @param {number} weight of what came before, 0 (nothing) to less than 1
 */
export function smoothed(values, weight) {
  if (!weight) return values;
  let sum = 0;
  let all = 0;
  return values.map((value) => {
    if (value === null) return null;
    sum = sum * weight + value * (1 - weight);
    all = all * weight + (1 - weight);
    return sum / all;
  });
}

/**
 * Whether a logarithmic scale can show anything of these.
 * @param {Curve[]} curves
 */
export function isPositive(curves) {
  return curves.some(({ y }) => y.some((value) => value !== null && value > 0));
}

/**
 * Finds the point nearest to a place on the screen; null where no curve has one.
 * @param {Curve[]} curves
 * @param {(x: number) => number} toLeft
 * @param {(y: number) => number} toTop
 * @param {number} left
 * @param {number} top
 * @returns {{curve: Curve, i: number} | null} i: the point's place in the curve's lists
 */
export function nearest(curves, toLeft, toTop, left, top) {
  let best = null;
  let least = Infinity;
  for (const curve of curves) {
    for (let i = 0; i < curve.x.length; i += 1) {
      const y = curve.y[i];
      if (y === null) continue;
      const far = (toLeft(curve.x[i]) - left) ** 2 + (toTop(y) - top) ** 2;
      if (far < least) {
        least = far;
        best = { curve, i };
      }
    }
  }
  return best;
}

/** @param {string} name */
function isLoss(name) {
  return /loss/i.test(name);
}

/** @param {string} task */
export function rankOf(task) {
  return task.replace("worker-", "");
}

/**
 * @param {string} a
 * @param {string} b
 */
function byRank(a, b) {
  return Number(rankOf(a)) - Number(rankOf(b));
}
