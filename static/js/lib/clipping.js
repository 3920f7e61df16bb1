// A y-axis that a few outliers do not stretch, and what is said of those that are left out.
import { figure } from "./format.js";
import { quantile } from "./grouping.js";
import { format, ngettext } from "./i18n.js";

const SHARE = 0.01;
// Beside the quantiles, in their own distance: what lies there is no outlier.
const MARGIN = 0.5;

// {range: [low, high], above, below}: of the values of all lines between `from` and `to`; null
// where nothing is outside.
export function clipped(lines, [from, to] = [-Infinity, Infinity]) {
  const values = [];
  for (const line of lines) collect(values, line, from, to);
  values.sort((a, b) => a - b);
  const [low, high] = [quantile(values, SHARE), quantile(values, 1 - SHARE)];
  const margin = (high - low) * MARGIN;
  const range = [low - margin, high + margin];
  const below = values.findIndex((value) => value >= range[0]);
  const above = values.length - 1 - values.findLastIndex((value) => value <= range[1]);
  if (!(margin > 0) || (below <= 0 && above <= 0)) return null;
  // The edge that cuts nothing off stays where the values end.
  if (!below) range[0] = values[0] - margin / 10;
  if (!above) range[1] = values.at(-1) + margin / 10;
  return { range, above, below };
}

// The extremes of each row, and so every point that could be outside.
function collect(values, { x, y, band }, from, to) {
  const columns = band ? [[band.x, band.low], [band.x, band.high]] : [[x, y]];
  for (const [places, column] of columns) {
    for (let at = 0; at < places.length; at += 1) {
      const isSeen = places[at] >= from && places[at] <= to;
      if (isSeen && Number.isFinite(column[at])) values.push(column[at]);
    }
  }
}

// "3 points above 12.4 are outside"; of buckets it is known that there is one at least.
export function clippedText({ range, above, below }, isExact) {
  const said = [];
  if (above) {
    const text = isExact
      ? ngettext("{n} point above {value} is outside", "{n} points above {value} are outside", above)
      : ngettext("at least {n} point above {value} is outside", "at least {n} points above {value} are outside", above);
    said.push(format(text, { n: above, value: figure(range[1]) }));
  }
  if (below) {
    const text = isExact
      ? ngettext("{n} point below {value} is outside", "{n} points below {value} are outside", below)
      : ngettext("at least {n} point below {value} is outside", "at least {n} points below {value} are outside", below);
    said.push(format(text, { n: below, value: figure(range[0]) }));
  }
  return said.join(", ");
}
