// A small curve that knows its steps, and its drawing as SVG path data.
const EDGE = 1.5;
const MOST = 128;

export class Spark {
  // `values`: every `stride`-th of `count` points, of which the last was logged at `lastStep`.
  constructor({ values, stride, count, lastStep }) {
    const perPoint = count > 1 ? lastStep / (count - 1) : 1;
    this.points = values.map((y, index) => ({ x: index * stride * perPoint, y }));
  }

  get lastStep() {
    return this.points.at(-1)?.x ?? -1;
  }

  // At twice the size every second point is dropped: the picture stays.
  push(step, value) {
    if (step <= this.lastStep) return;
    this.points.push({ x: step, y: value });
    if (this.points.length > MOST) {
      this.points = this.points.filter((_, index) => index % 2 || index === this.points.length - 1);
    }
  }
}

const round = (value) => Math.round(value * 10) / 10;

// `totalSteps` is the right edge, so that a run under way fills a part of the width.
// Values that are not finite leave a gap.
export function sparkPath(points, totalSteps, width, height) {
  const finite = points.filter(({ y }) => Number.isFinite(y));
  if (finite.length < 2) return "";
  const ys = finite.map(({ y }) => y);
  const low = Math.min(...ys);
  const spread = Math.max(...ys) - low || 1;
  const right = Math.max(totalSteps, points.at(-1).x);
  const px = (x) => round(EDGE + (x / right) * (width - 2 * EDGE));
  const py = (y) => round(EDGE + (1 - (y - low) / spread) * (height - 2 * EDGE));
  let path = "";
  let pen = "M";
  for (const { x, y } of points) {
    if (Number.isFinite(y)) path += `${pen}${px(x)} ${py(y)}`;
    pen = Number.isFinite(y) ? "L" : "M";
  }
  return path;
}
