// From what a chart shows to the traces that plotly draws.
import { figure } from "./format.js";
import { format, ngettext } from "./i18n.js";
import { envelope } from "./points.js";

// A line is thinned to about four points per bucket, and no extreme is lost.
const BUCKETS = 600;
// Beyond so few points a line alone shows them; single points need a mark.
const MARKED = 40;

// plotly reads a little HTML in names.
export const escaped = (text) =>
  String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

// `line`: {id, name, x, y, dash, divisor}; `colour`: as CSS knows it.
export function lineTrace(line, colour) {
  const { x, y } = envelope(line, BUCKETS);
  return {
    type: "scatter",
    mode: x.length <= MARKED ? "lines+markers" : "lines",
    name: escaped(line.name),
    legendgroup: line.id,
    uid: line.id,
    x: Array.from(x, (value) => value / line.divisor),
    // A null makes the line stop there instead of bridging the gap.
    y: Array.from(y, (value) => (Number.isFinite(value) ? value : null)),
    line: { color: colour, dash: line.dash, width: 1.75 },
    marker: { color: colour, size: 4 },
    hovertemplate: "%{y:.5~g}",
    connectgaps: false,
  };
}

// Where a curve begins to be not a number or infinite: [{x, value, count}], one per stretch.
export function oddStretches({ x, y }) {
  const found = [];
  let open = null;
  y.forEach((value, at) => {
    if (Number.isFinite(value)) open = null;
    else if (open) open.count += 1;
    else found.push((open = { x: x[at], value, count: 1 }));
  });
  return found;
}

function oddText({ value, count }) {
  const text = ngettext("{value}, {n} point", "{value}, {n} points", count);
  return format(text, { value: figure(value), n: count });
}

// Marks on the lower edge where a line cannot go on; null where it always does.
export function oddTrace(line, colour) {
  const odd = oddStretches(line);
  if (!odd.length) return null;
  return {
    type: "scatter",
    mode: "markers+text",
    name: escaped(line.name),
    legendgroup: line.id,
    uid: `${line.id}-odd`,
    showlegend: false,
    x: odd.map(({ x }) => x / line.divisor),
    y: odd.map(() => 0.04),
    yaxis: "y2",
    text: odd.map(({ value }) => figure(value)),
    textposition: "middle right",
    textfont: { color: colour, size: 11 },
    customdata: odd.map(oddText),
    marker: { color: colour, size: 8, symbol: "x-open", line: { width: 1 } },
    hovertemplate: "%{customdata}",
    cliponaxis: false,
  };
}
