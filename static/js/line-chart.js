// A small chart of one curve with a crosshair, in SVG. Its colours are those of the style sheets.
import { linePath, nearest, scales, ticks } from "./lib/line-chart.js";

const SVG = "http://www.w3.org/2000/svg";
const EDGES = { left: 56, right: 12, top: 10, bottom: 26 };
const HEIGHT = 220;

function made(tag, attributes, text = "") {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

export class LineChart {
  #points = [];
  #scales = null;
  #at = 0;
  #sized = new ResizeObserver(() => this.#redraw());

  // `write(y)` and `writeX(x)` are how values stand at the axes; onPoint(place) is told where the
  // mouse points.
  constructor(root, { write, writeX, onPoint = () => {}, lowest = 0 }) {
    Object.assign(this, { root, write, writeX, onPoint, lowest });
    this.svg = made("svg", { class: "line-chart", height: HEIGHT, "aria-hidden": "true" });
    root.append(this.svg);
    root.addEventListener("pointermove", this.#move);
    root.addEventListener("pointerdown", this.#move);
    this.#sized.observe(root);
  }

  close() {
    this.#sized.disconnect();
    this.svg.remove();
  }

  // `points`: [{x, y}] from left to right.
  draw(points) {
    this.#points = points;
    this.#redraw();
  }

  // Puts the crosshair on the point at a place of the list.
  mark(place) {
    this.#at = place;
    const point = this.#points[place];
    if (!point || !this.#scales) return;
    const x = this.#scales.x.at(point.x);
    const y = Number.isFinite(point.y) ? this.#scales.y.at(point.y) : null;
    const line = made("line", { class: "cross", x1: x, x2: x, y1: EDGES.top, y2: HEIGHT - EDGES.bottom });
    const dot = y === null ? [] : [made("circle", { class: "dot", cx: x, cy: y, r: 4.5 })];
    this.cross.replaceChildren(line, ...dot);
  }

  #redraw() {
    const width = this.root.clientWidth;
    if (!width || !this.#points.length) return this.svg.replaceChildren();
    const box = {
      ...EDGES,
      width: width - EDGES.left - EDGES.right,
      height: HEIGHT - EDGES.top - EDGES.bottom,
    };
    this.#scales = scales(this.#points, box, { lowest: this.lowest });
    this.svg.setAttribute("width", width);
    this.cross = made("g", {});
    const curve = made("path", { class: "curve", d: linePath(this.#points, this.#scales) });
    this.svg.replaceChildren(...this.#axes(box), curve, this.cross);
    this.mark(this.#at);
  }

  #axes(box) {
    const { x, y } = this.#scales;
    const right = box.left + box.width;
    const bottom = box.top + box.height;
    const lines = ticks(y.low, y.high).flatMap((value) => [
      made("line", { class: "grid", x1: box.left, x2: right, y1: y.at(value), y2: y.at(value) }),
      made("text", { x: box.left - 6, y: y.at(value) + 4, "text-anchor": "end" }, this.write(value)),
    ]);
    const steps = ticks(x.low, x.high, Math.max(2, Math.floor(box.width / 110))).map((value) =>
      made("text", { x: x.at(value), y: bottom + 18, "text-anchor": "middle" }, this.writeX(value)),
    );
    return [...lines, ...steps];
  }

  #move = (event) => {
    if (!this.#scales || !this.#points.length) return;
    const place = event.clientX - this.root.getBoundingClientRect().left;
    this.onPoint(nearest(this.#points, this.#scales.valueAt(place)));
  };
}
