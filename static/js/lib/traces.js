// From what a chart shows to the traces that plotly draws.
import { figure } from "./format.js";
import { envelope, notFinite } from "./points.js";

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

// Marks on the upper edge where a curve is not a number or infinite; null where it never is.
export function oddTrace(line, colour) {
  const odd = notFinite(line);
  if (!odd.length) return null;
  return {
    type: "scatter",
    mode: "markers",
    name: escaped(line.name),
    legendgroup: line.id,
    uid: `${line.id}-odd`,
    showlegend: false,
    x: odd.map(({ x }) => x / line.divisor),
    y: odd.map(() => 1),
    yaxis: "y2",
    text: odd.map(({ value }) => figure(value)),
    marker: { color: colour, size: 9, symbol: "x-thin", line: { color: colour, width: 2 } },
    hovertemplate: "%{text}",
    cliponaxis: false,
  };
}
