// The charts of a page: one card a chart, made and removed as metrics come and go.
import { describeAxis } from "./lib/axes.js";
import { curve } from "./lib/points.js";
import { Plot } from "./plot.js";

function card({ title }) {
  const section = document.createElement("section");
  section.className = "card chart";
  const head = document.createElement("h3");
  head.textContent = title;
  const plot = document.createElement("div");
  plot.className = "plot";
  plot.setAttribute("role", "img");
  section.append(head, plot);
  return { section, plot };
}

// The drawable lines of one chart. `curves`: [{id, name, stream, metric, colour, dash, hidden}].
function lines(curves, axis) {
  const read = curves.map((one) => ({ ...one, ...curve(one.stream, one.metric, axis) }));
  return read.filter(({ x }) => x?.length);
}

const lastOf = ({ x }) => x[x.length - 1];

export class ChartGrid {
  #root;
  #titles;
  #charts = new Map();

  // `titles`: {metric name: {title, unit}}; other metrics are shown by their name.
  constructor(root, titles, { onDrawn = () => {} } = {}) {
    this.#root = root;
    this.#titles = titles;
    this.onDrawn = onDrawn;
  }

  titleOf(key) {
    return this.#titles[key] ?? { title: key, unit: "" };
  }

  // `charts`: [{key, names}]; `curvesOf(chart)` gives its curves; `view` its axes.
  draw(charts, curvesOf, view) {
    this.#arrange(charts.map(({ key }) => key));
    for (const chart of charts) this.#fill(chart, lines(curvesOf(chart), view.x), view);
  }

  destroy() {
    this.#arrange([]);
  }

  #arrange(keys) {
    for (const [key, { section, plot }] of this.#charts) {
      if (keys.includes(key)) continue;
      plot.destroy();
      section.remove();
      this.#charts.delete(key);
    }
    keys.forEach((key, place) => {
      const chart = this.#charts.get(key) ?? this.#make(key);
      if (this.#root.children[place] !== chart.section) {
        this.#root.insertBefore(chart.section, this.#root.children[place] ?? null);
      }
    });
  }

  #make(key) {
    const { section, plot: root } = card(this.titleOf(key));
    section.dataset.metric = key;
    const plot = new Plot(root, { onDrawn: (traces) => this.onDrawn(key, traces) });
    const chart = { section, plot };
    this.#charts.set(key, chart);
    return chart;
  }

  #fill({ key, names }, drawable, view) {
    const { title, unit } = this.titleOf(key);
    const last = Math.max(1, ...drawable.map(lastOf));
    const { title: xTitle, divisor } = describeAxis(view.x, last);
    this.#charts.get(key).plot.update({
      lines: drawable.map((line) => ({ ...line, divisor })),
      label: title,
      xTitle,
      yTitle: unit,
      last: last / divisor,
      logX: view.logX,
      logY: view.logY,
      legend: names.length > 1,
      revision: [view.x, divisor, view.logX, view.logY].join(),
    });
  }
}
