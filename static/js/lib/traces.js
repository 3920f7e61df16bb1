// From the lines of a plot to the traces that plotly draws. Curves that look alike are one trace
// with gaps between them: a trace costs plotly more than the points in it.
import { figure } from "./format.js";
import { format, gettext, ngettext } from "./i18n.js";

// Beyond so few points a line alone shows them; single points need a mark.
const MARKED = 40;

// plotly reads a little HTML in names.
export const escaped = (text) =>
  String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

// `colour` with an opacity, as CSS knows it: rgb(…) comes from getComputedStyle.
export function faded(colour, opacity) {
  const parts = colour.match(/[\d.]+/g);
  if (!colour.startsWith("rgb") || parts.length < 3) return colour;
  return `rgba(${parts.slice(0, 3).join(", ")}, ${opacity})`;
}

// Curves one after the other, with a gap behind each.
export function joined(curves, divisor) {
  const length = curves.reduce((sum, { x }) => sum + x.length + 1, 0);
  const [x, y] = [new Float64Array(length), new Float64Array(length)];
  let to = 0;
  for (const curve of curves) {
    for (let at = 0; at < curve.x.length; at += 1, to += 1) {
      x[to] = curve.x[at] / divisor;
      y[to] = curve.y[at];
    }
    x[to] = y[to++] = NaN;
  }
  return { x, y };
}

// The outlines of bands: along the upper edge and back along the lower one, cut where there is
// nothing. `floor`: what a logarithmic axis can show at all.
export function outlines(bands, divisor, floor = -Infinity) {
  const pieces = bands.flatMap((band) => stretches(band, floor));
  const length = pieces.reduce((sum, { from, to }) => sum + 2 * (to - from) + 1, 0);
  const [x, y] = [new Float64Array(length), new Float64Array(length)];
  let place = 0;
  for (const { band, from, to } of pieces) {
    for (let at = from; at < to; at += 1, place += 1) {
      x[place] = band.x[at] / divisor;
      y[place] = band.high[at];
    }
    for (let at = to - 1; at >= from; at -= 1, place += 1) {
      x[place] = band.x[at] / divisor;
      y[place] = band.low[at];
    }
    x[place] = y[place++] = NaN;
  }
  return { x, y };
}

function stretches(band, floor) {
  const found = [];
  let from = -1;
  for (let at = 0; at <= band.x.length; at += 1) {
    const isThere = at < band.x.length && band.low[at] > floor && Number.isFinite(band.high[at]);
    if (isThere && from < 0) from = at;
    if (!isThere && from >= 0) {
      found.push({ band, from, to: at });
      from = -1;
    }
  }
  return found;
}

const BASE = { type: "scatter", hoverinfo: "skip", connectgaps: false, showlegend: false };

// The traces of `lines`, those that look alike together; with `apart` each curve has its own, for
// a picture with a legend. `shade(token)` is the value of a colour.
export function linesTraces(lines, { shade, divisor, envelope, isLog, legend, apart }) {
  const styles = [...byStyle(lines, apart || legend)];
  const options = { shade, divisor, floor: isLog ? 0 : -Infinity };
  return [
    ...styles.flatMap(([key, alike]) => (envelope ? bandTrace(key, alike, options) : [])),
    ...styles.flatMap(([key, alike]) => ghostTrace(key, alike, options)),
    ...styles.map(([key, alike]) => lineTrace(key, alike, { ...options, legend: legend || apart })),
  ];
}

function byStyle(lines, apart) {
  const found = new Map();
  for (const line of lines) {
    const isMarked = finiteCount(line) <= MARKED;
    const key = apart ? line.id : [line.colour, line.dash, isMarked].join();
    found.set(key, [...(found.get(key) ?? []), line]);
  }
  return found;
}

const finiteCount = ({ x }) => x.length;

function lineTrace(key, lines, { shade, divisor, legend }) {
  const [{ id, name, colour, dash }] = lines;
  const shown = shade(colour);
  return {
    ...BASE,
    ...joined(lines, divisor),
    uid: key,
    name: escaped(name),
    meta: id,
    showlegend: Boolean(legend),
    mode: finiteCount(lines[0]) <= MARKED ? "lines+markers" : "lines",
    line: { color: shown, dash, width: lines.length > 24 ? 1.25 : 1.75 },
    marker: { color: shown, size: 4 },
  };
}

function ghostTrace(key, lines, { shade, divisor }) {
  const ghosts = lines.map(({ ghost }) => ghost).filter(Boolean);
  if (!ghosts.length) return [];
  const color = faded(shade(lines[0].colour), 0.28);
  return [{ ...BASE, ...joined(ghosts, divisor), uid: `${key}-ghost`, mode: "lines", line: { color, width: 1 } }];
}

// A spike is one bucket wide: the outline shows it where a filling alone would not.
function bandTrace(key, lines, { shade, divisor, floor }) {
  const bands = lines.map(({ band }) => band).filter(Boolean);
  if (!bands.length) return [];
  const colour = shade(lines[0].colour);
  return [{
    ...BASE,
    ...outlines(bands, divisor, floor),
    uid: `${key}-band`,
    mode: "lines",
    fill: "toself",
    fillcolor: faded(colour, lines.length > 24 ? 0.08 : 0.16),
    line: { color: faded(colour, 0.45), width: 0.75 },
  }];
}

function oddText({ value, count }) {
  const text = ngettext("{value}, {n} point", "{value}, {n} points", count);
  return format(text, { value: figure(value), n: count });
}

// Marks on the lower edge where lines cannot go on; null where they always do.
export function oddTrace(lines, { shade, divisor }) {
  const odd = lines.flatMap((line) => line.odd.map((one) => ({ ...one, colour: shade(line.colour) })));
  if (!odd.length) return null;
  return {
    ...BASE,
    uid: "odd",
    mode: lines.length > 8 ? "markers" : "markers+text",
    x: odd.map(({ x }) => x / divisor),
    y: odd.map(() => 0.04),
    yaxis: "y2",
    text: odd.map(({ value }) => figure(value)),
    customdata: odd.map(oddText),
    textposition: "middle right",
    textfont: { color: odd.map(({ colour }) => colour), size: 11 },
    marker: { color: odd.map(({ colour }) => colour), size: 8, symbol: "x-open", line: { width: 1 } },
    cliponaxis: false,
  };
}

const SYMBOLS = { restart: "line-ns", checkpoint: "diamond", sample: "circle-open", note: "triangle-right" };

// What happened at a step, on the curve itself. `marks`: [{kind, x, y, colour}].
export function markTraces(marks, { shade, divisor }) {
  return Object.keys(SYMBOLS).flatMap((kind) => {
    const those = marks.filter((mark) => mark.kind === kind);
    if (!those.length) return [];
    const colours = those.map(({ colour }) => shade(colour));
    return [{
      ...BASE,
      uid: `mark-${kind}`,
      name: kindName(kind),
      mode: "markers",
      x: those.map(({ x }) => x / divisor),
      y: those.map(({ y }) => y),
      marker: {
        symbol: SYMBOLS[kind],
        size: kind === "note" ? 11 : kind === "restart" ? 14 : 7,
        color: colours,
        line: { color: kind === "restart" ? colours : shade("--surface"), width: kind === "restart" ? 2 : 1 },
      },
      cliponaxis: false,
    }];
  });
}

export const kindName = (kind) =>
  ({
    restart: gettext("Restart"),
    checkpoint: gettext("Checkpoint"),
    sample: gettext("Samples"),
    note: gettext("Note"),
  })[kind];
