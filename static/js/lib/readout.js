// What the crosshair says: the values of all curves at one place of the x-axis.
import { nearest } from "./curves.js";

const MOST_SAID = 20;

// {rows: [{id, name, x, y, ...}], more}: the largest first. A curve that ended more than `reach`
// before, or begins so much later, is not meant.
export function readout(lines, x, reach = Infinity) {
  const rows = [];
  for (const line of lines) {
    const at = nearest(line, x);
    if (at < 0 || isFar(line, x, at, reach)) continue;
    rows.push({ id: line.id, run: line.run, name: line.name, colour: line.colour, dash: line.dash, x: line.x[at], y: line.y[at] });
  }
  rows.sort((a, b) => b.y - a.y);
  return { rows: rows.slice(0, MOST_SAID), more: Math.max(0, rows.length - MOST_SAID) };
}

// Whether x lies beyond the ends of a line, or in a gap: lines between points are meant.
function isFar({ x, y }, wanted, at, reach) {
  if (Math.abs(x[at] - wanted) <= reach) return false;
  const beside = wanted > x[at] ? at + 1 : at - 1;
  return !Number.isFinite(y[beside] ?? NaN);
}

// The next place to the right (direction 1) or left (-1) of x that any line has a point at.
export function neighbour(lines, x, direction) {
  let found = null;
  for (const line of lines) {
    for (const place of places(line, x, direction)) {
      const isNearer = found === null || (place - found) * direction < 0;
      if ((place - x) * direction > 0 && isNearer) found = place;
    }
  }
  return found;
}

function places(line, x, direction) {
  const at = nearest(line, x);
  return [at - 1, at, at + 1, at + 2 * direction].filter((one) => one >= 0 && one < line.x.length).map((one) => line.x[one]);
}
