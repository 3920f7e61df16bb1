// The charts of a page: one card a chart, made and removed as metrics come and go, in groups.
import { element } from "./element.js";
import { described, grouped } from "./lib/charts.js";
import { format, gettext } from "./lib/i18n.js";
import { Plot } from "./plot.js";

// A question mark that opens what the metric is and how it is read.
function hint(text) {
  const mark = element("summary", "", "?");
  mark.setAttribute("aria-label", gettext("What is this?"));
  return element("details", "hint", mark, element("p", "", text));
}

// What can be taken away of a chart; `data-export` says what.
const FORMATS = [
  ["png", "PNG"],
  ["svg", "SVG"],
  ["csv", "CSV"],
  ["parquet", "Parquet"],
];

function exportMenu(title) {
  const mark = element("summary", "button quiet small icon", "⤓");
  mark.setAttribute("aria-label", format(gettext("Save {title}"), { title }));
  mark.title = gettext("Save");
  const items = FORMATS.map(([kind, name]) => {
    const button = element("button", "menu-item", name);
    button.type = "button";
    button.dataset.export = kind;
    return button;
  });
  return element("details", "menu chart-menu", mark, element("div", "menu-list", ...items));
}

// The title, which opens its term where the glossary has one.
function heading({ title, term, page }) {
  if (!term) return element("h3", "", title);
  const link = element("a", "term", title);
  link.href = page;
  link.dataset.term = term;
  link.setAttribute("aria-haspopup", "dialog");
  return element("h3", "", link);
}

function card({ title, help, term, page }) {
  const odd = element("span", "badge bad");
  const clipped = element("span", "badge warn");
  odd.hidden = clipped.hidden = true;
  const head = element("header", "chart-head", heading({ title, term, page }), odd, clipped);
  if (help) head.children[0].after(hint(help));
  const plot = element("div", "plot");
  // It has buttons in it, which an image could not have.
  plot.setAttribute("role", "figure");
  const frame = element("div", "plot-frame", plot);
  // The keyboard moves the crosshair here.
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", format(gettext("{title}: arrow keys read the values"), { title }));
  const section = element("section", "card chart", head, exportMenu(title), frame);
  return { section, plot, frame, odd, clipped };
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

export class ChartGrid {
  #root;
  #titles;
  #charts = new Map();
  #groups = new Map();

  // `titles`: {metric name: {title, unit, help}}; other metrics are shown by their name.
  // onDrawn(key, content) after each drawing; onZoom(key, {x, y}) when a person moved an axis.
  constructor(root, titles, { onDrawn = () => {}, onZoom = () => {} } = {}) {
    this.#root = root;
    this.#titles = titles;
    this.onDrawn = onDrawn;
    this.onZoom = onZoom;
  }

  titleOf(key) {
    return described(this.#titles, key);
  }

  get cards() {
    return [...this.#charts.values()];
  }

  card(key) {
    return this.#charts.get(key);
  }

  // The card that an element of the page lies in.
  cardAround(element) {
    return this.#charts.get(element.closest?.(".chart")?.dataset.metric);
  }

  // `charts`: [{key, group, names}]; `contentOf(chart, plot)` is asked when the chart is seen.
  draw(charts, contentOf) {
    this.#arrange(charts);
    for (const chart of charts) this.redraw(chart, contentOf);
  }

  redraw(chart, contentOf, isLive = false) {
    const card = this.#charts.get(chart.key);
    card?.plot.update(() => contentOf(chart, card.plot), isLive);
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
    const plot = new Plot(made.plot, {
      onDrawn: (content) => this.#drawn(key, content),
      onZoom: (zoom) => this.onZoom(key, zoom),
    });
    const chart = { ...made, key, root: made.plot, plot };
    this.#charts.set(key, chart);
    return chart;
  }

  #drawn(key, content) {
    const { odd, clipped } = this.#charts.get(key);
    say(odd, content.oddText);
    say(clipped, content.clippedText);
    this.onDrawn(key, content);
  }
}

function say(badge, text) {
  badge.textContent = text ?? "";
  badge.hidden = !text;
}
