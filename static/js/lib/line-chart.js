// A small chart of one curve: where its points stand and what its axes say. Drawing is elsewhere.

// Round numbers that divide up a range: 1, 2 or 5 times a power of ten apart.
export function ticks(low, high, wanted = 4) {
  const rough = (high - low) / wanted;
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const stride = [1, 2, 5, 10].find((each) => each * power >= rough) * power;
  const first = Math.ceil(low / stride - 1e-9);
  const last = Math.floor(high / stride + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, at) => Number(((first + at) * stride).toPrecision(12)));
}

// From values to places within `box` {left, top, width, height}; the y axis begins at 0 or `lowest`.
export function scales(points, box, { lowest = 0 } = {}) {
  const finite = points.filter(({ y }) => Number.isFinite(y));
  const xs = finite.map(({ x }) => x);
  const right = Math.max(1, ...xs);
  const left = Math.min(right - 1, ...xs);
  const top = Math.max(...finite.map(({ y }) => y), lowest) * 1.05 || 1;
  return {
    x: { low: left, high: right, at: (x) => box.left + ((x - left) / (right - left)) * box.width },
    y: { low: lowest, high: top, at: (y) => box.top + (1 - (y - lowest) / (top - lowest)) * box.height },
    // The value at a place.
    valueAt: (place) => left + ((place - box.left) / box.width) * (right - left),
  };
}

const short = (value) => Math.round(value * 10) / 10;

// SVG path data; what is not finite leaves a gap.
export function linePath(points, { x, y }) {
  let pen = "M";
  let path = "";
  for (const point of points) {
    const isThere = Number.isFinite(point.y);
    if (isThere) path += `${pen}${short(x.at(point.x))} ${short(y.at(point.y))}`;
    pen = isThere ? "L" : "M";
  }
  return path;
}

// The point that is nearest to `x`; points stand in order.
export function nearest(points, x) {
  let [low, high] = [0, points.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle].x <= x) low = middle;
    else high = middle;
  }
  return Math.abs(points[low].x - x) <= Math.abs(points[high].x - x) ? low : high;
}
