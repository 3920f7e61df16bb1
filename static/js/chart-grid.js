// The charts of a page: one card a chart, made and removed as metrics come and go, in groups.
import { describeAxis } from "./lib/axes.js";
import { described, grouped, oddCount } from "./lib/charts.js";
import { gettext } from "./lib/i18n.js";
import { curve } from "./lib/points.js";
import { Plot } from "./plot.js";

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

// A question mark that opens what the metric is and how it is read.
function hint(text) {
  const mark = element("summary", "", "?");
  mark.setAttribute("aria-label", gettext("What is this?"));
  return element("details", "hint", mark, element("p", "", text));
}

function card({ title, help }) {
  const odd = element("span", "badge bad");
  odd.hidden = true;
  const head = element("header", "chart-head", element("h3", "", title), odd);
  if (help) head.children[0].after(hint(help));
  const plot = element("div", "plot");
  plot.setAttribute("role", "img");
  return { section: element("section", "card chart", head, plot), plot, odd };
}

function part({ group, title }) {
  const section = element("section", "chart-group", element("h2", "", title));
  section.append(element("div", "charts"));
  section.dataset.group = group;
  return section;
}

// Puts `children` into `parent` in their order; those that stand right are not touched.
function put(parent, children) {
  children.forEach((child, at) => {
    if (parent.children[at] !== child) parent.insertBefore(child, parent.children[at] ?? null);
  });
  while (parent.children.length > children.length) parent.lastElementChild.remove();
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
  #groups = new Map();

  // `titles`: {metric name: {title, unit, help}}; other metrics are shown by their name.
  constructor(root, titles, { onDrawn = () => {} } = {}) {
    this.#root = root;
    this.#titles = titles;
    this.onDrawn = onDrawn;
  }

  titleOf(key) {
    return described(this.#titles, key);
  }

  // `charts`: [{key, group, names}]; `curvesOf(chart)` gives its curves; `view` its axes.
  draw(charts, curvesOf, view) {
    this.#arrange(charts);
    for (const chart of charts) this.#fill(chart, lines(curvesOf(chart), view.x), view);
  }

  destroy() {
    this.#arrange([]);
  }

  #arrange(charts) {
    const keys = new Set(charts.map(({ key }) => key));
    for (const [key, { section, plot }] of this.#charts) {
      if (keys.has(key)) continue;
      plot.destroy();
      section.remove();
      this.#charts.delete(key);
    }
    const groups = grouped(charts);
    put(this.#root, groups.map((group) => this.#groupOf(group)));
    for (const { group, keys } of groups) {
      const sections = keys.map((key) => (this.#charts.get(key) ?? this.#make(key)).section);
      put(this.#groups.get(group).lastElementChild, sections);
    }
  }

  #groupOf(group) {
    if (!this.#groups.has(group.group)) this.#groups.set(group.group, part(group));
    return this.#groups.get(group.group);
  }

  #make(key) {
    const made = card(this.titleOf(key));
    made.section.dataset.metric = key;
    const plot = new Plot(made.plot, { onDrawn: (traces) => this.onDrawn(key, traces) });
    const chart = { ...made, plot };
    this.#charts.set(key, chart);
    return chart;
  }

  #fill({ key, names }, drawable, view) {
    const { title, unit } = this.titleOf(key);
    const last = Math.max(1, ...drawable.map(lastOf));
    const { title: xTitle, divisor } = describeAxis(view.x, last);
    const { plot, odd } = this.#charts.get(key);
    odd.textContent = oddCount(drawable.filter(({ hidden }) => !hidden));
    odd.hidden = !odd.textContent;
    plot.update({
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
