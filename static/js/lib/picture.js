// What one plot shows: its lines, its axes and what is said beside it, of what a page knows.
import { describeAxis } from "./axes.js";
import { oddCount } from "./charts.js";
import { clipped, clippedText } from "./clipping.js";
import {
  axisMetric, cutTo, lessBaseline, lineOf, padded, pixels, rowsEach, scaleOf, smoothing, stepsWithin, valueAt,
} from "./curves.js";
import { grouped, places, summary } from "./grouping.js";
import { format, gettext } from "./i18n.js";

// The content for a Plot; null while nothing is known. `curves`: [{id, run, name, metric, colour,
// dash, hidden}]. Optional: `groupOf(run)` with `groupName` and `styleOf(n)`, `marksOf(run)`.
export function pictureOf(wish) {
  const { curves, view, store } = wish;
  const metrics = [...new Set(curves.map(({ metric }) => metric))];
  const x = axisMetric(view.x);
  const px = pixels(wish.width, rowsEach(curves.length, view));
  const overviews = new Map(metrics.map((name) => [name, store.want(name, { px, x })]));
  const window = view.zoom ? zoomed(wish, overviews) : null;
  const found = window ? new Map(metrics.map((name) => [name, store.want(name, { px, x, ...window })])) : overviews;
  if (![...found.values()].some(Boolean)) return null;
  const lines = linesOf(wish, found, window);
  return content(wish, wish.groupOf ? groupLines(wish, lines) : lines);
}

function zoomed({ view, store }, overviews) {
  const known = new Map([...overviews.values()].flatMap((one) => [...(one?.series ?? [])]));
  const steps = stepsWithin(known, view.x, view.zoom, (run) => store.startOf(run));
  return steps && padded(steps, smoothing(view));
}

function linesOf(wish, found, window) {
  const { curves, view } = wish;
  const shown = curves.filter(({ hidden }) => !hidden);
  const limit = rowsEach(shown.length, view);
  const base = view.difference && curves.find(({ run }) => String(run) === view.base);
  const baseLine = base && drawn(wish, base, found, window, limit);
  const lines = shown.map((curve) => drawn(wish, curve, found, window, limit)).filter(Boolean);
  if (!view.difference) return lines;
  return baseLine ? lines.filter(({ run }) => run !== base.run).map((line) => lessBaseline(line, baseLine)) : [];
}

// The line of a curve; made anew only where its points, or what is asked of them, are others.
function drawn({ view, store, cache }, curve, found, window, limit) {
  const series = found.get(curve.metric)?.series.get(curve.run);
  if (!series?.length) return null;
  const start = store.startOf(curve.run);
  const asked = [
    limit, start, window?.from, window?.to, view.zoom, view.x, view.smooth, view.width, view.scale, series.version,
  ].join();
  const known = cache.get(curve.id);
  if (known?.series !== series || known.asked !== asked) {
    const whole = lineOf(series, curve.metric, view, { limit, start, window: window ?? {} });
    const line = view.zoom ? cutTo(whole, view.zoom) : whole;
    cache.set(curve.id, { series, asked, line });
  }
  return { ...cache.get(curve.id).line, ...curve, series };
}

function groupLines({ groupOf, groupName, styleOf, view }, lines) {
  const x = places(lines, view.logX);
  return grouped(lines, groupOf).map(({ key, lines: members }) => ({
    ...summary(members, x, view.middle, view.spread),
    id: `group-${key}`,
    run: null,
    name: format(gettext("{name} ({n})"), { name: groupName(key), n: members.length }),
    isExact: true,
    members,
    ...styleOf(key),
  }));
}

function content(wish, lines) {
  const { chart, described, view, apart, marksOf } = wish;
  const last = Math.max(view.x === "wall" ? -Infinity : 1, ...lines.map(lastOf));
  const { title: xTitle, divisor } = describeAxis(view.x, view.zoom ? view.zoom[1] - view.zoom[0] : last);
  const cut = view.clip && !view.zoomY ? clipped(bandless(lines, view), view.zoom ?? undefined) : null;
  const scale = chart.names.length ? scaleOf(chart.names[0], view.scale) : null;
  return {
    key: chart.key,
    lines,
    marks: view.marks && marksOf && !view.difference ? marks(lines, marksOf) : [],
    label: described.title,
    title: described.title,
    xTitle,
    xKind: view.x === "wall" ? "date" : "linear",
    xRange: view.zoom,
    yTitle: scale ? scaledTitle(view.scale) : described.unit,
    yRange: view.zoomY ?? cut?.range ?? null,
    last: last / divisor,
    divisor,
    logX: view.logX && view.x !== "wall",
    logY: view.logY && !view.difference,
    envelope: view.envelope && !view.difference,
    legend: chart.names.length > 1,
    apart,
    resets: wish.resets,
    revision: [view.x, divisor, view.logX, view.logY, view.scale, view.difference].join(),
    oddText: oddCount(lines),
    clippedText: cut ? clippedText(cut, lines.every(({ isExact }) => isExact)) : "",
  };
}

const bandless = (lines, { envelope }) => (envelope ? lines : lines.map((line) => ({ ...line, band: null })));

const lastOf = ({ x }) => (x.length ? x[x.length - 1] : -Infinity);

const scaledTitle = (scale) => (scale === "loss" ? gettext("as loss, nats") : gettext("as perplexity"));

// Of more runs only what is rare is marked, or the curves would be hidden.
const FEW = 3;
const RARE = ["restart", "note"];

// What happened in a run, placed on its line.
function marks(lines, marksOf) {
  const isFew = new Set(lines.map(({ run }) => run)).size <= FEW;
  return lines.filter(({ run }) => run !== null).flatMap((line) => {
    const { series } = line;
    const those = [
      ...series.restarts.map((step) => ({ kind: "restart", step: Number(step) })),
      ...marksOf(line.run),
    ];
    const shown = those.filter(({ kind }) => isFew || RARE.includes(kind));
    return shown.map((mark) => placed(mark, line)).filter(({ y }) => Number.isFinite(y));
  });
}

function placed(mark, line) {
  const x = line.xOfStep(mark.step);
  return { ...mark, run: line.run, name: line.name, colour: line.colour, x, y: valueAt(line, x) };
}
