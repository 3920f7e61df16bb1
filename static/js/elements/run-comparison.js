// The curves of several runs, one chart a metric; one legend shows and hides a run in all of them.
import "./chart-controls.js";

import { CurvePage } from "../curve-page.js";
import { chartsOfComparison } from "../lib/charts.js";
import { connectionText } from "../lib/connection.js";
import { fieldValue, valueText } from "../lib/fields.js";
import { figure } from "../lib/format.js";
import { seriesStyle } from "../lib/palette.js";
import { withoutRun } from "../lib/view.js";
import { Marks } from "../marks.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);

class RunComparison extends HTMLElement {
  connectedCallback() {
    this.connection = this.querySelector(".connection");
    this.runs = [...this.querySelectorAll(".legend li")].map(describe);
    this.byId = new Map(this.runs.map((run) => [run.id, run]));
    this.fields = read("run-fields");
    const ids = this.runs.map(({ id }) => id);
    this.marks = new Marks(this, ids, () => this.page?.draw());
    this.page = new CurvePage(this, {
      runs: ids,
      names: read("run-metrics"),
      titles: read("metric-titles"),
      chartsOf: (all) => this.chartsOf(all),
      curvesOf: ({ names: [metric] }) => this.curves(metric),
      more: () => ({ ...this.grouping(), marksOf: (run) => this.marks.of(run) }),
      notes: this.marks,
      onConnection: (state) => this.showConnection(state),
      onNews: (message) => ["checkpoint", "samples", "note"].includes(message.type) && this.marks.load(),
      onDrawn: (key, content) => this.drawn(content),
    });
    this.addEventListener("view-shown", this.showLegend);
    this.addEventListener("click", this.click);
    this.addEventListener("input", this.find);
    this.embed();
    this.showLegend();
  }

  // On another page, whose address says nothing of the curves until somebody has changed what they show.
  embed() {
    const { filter } = this.dataset;
    if (filter && !new URLSearchParams(location.search).has("q")) this.page.change({ filter });
  }

  disconnectedCallback() {
    this.removeEventListener("view-shown", this.showLegend);
    this.removeEventListener("click", this.click);
    this.removeEventListener("input", this.find);
    this.page.close();
    this.marks.close();
  }

  chartsOf(names) {
    const charts = chartsOfComparison(names);
    this.querySelector("[data-waiting]").hidden = charts.length > 0;
    return charts;
  }

  curves(metric) {
    const hidden = this.page?.view.hidden ?? new Set();
    return this.runs.map(({ id, name }, place) => ({
      id: String(id),
      run: id,
      name,
      metric,
      hidden: hidden.has(String(id)),
      ...seriesStyle(place),
    }));
  }

  // Runs with one value of a field are one group, in one colour.
  grouping() {
    const field = this.page?.view.group;
    if (!field) return {};
    const keys = this.groupKeys(field);
    return {
      groupOf: (run) => fieldValue(this.fields[run], field),
      groupName: valueText,
      styleOf: (key) => seriesStyle(Math.max(0, keys.indexOf(key))),
    };
  }

  groupKeys(field) {
    return [...new Set(this.runs.map(({ id }) => fieldValue(this.fields[id], field)))];
  }

  click = (event) => {
    const item = event.target.closest(".legend li");
    if (item && event.target.closest(".legend-remove")) {
      location.assign(`?${withoutRun(location.search, item.dataset.runId)}`);
    } else if (item && event.target.closest(".legend-toggle")) this.toggle(item.dataset.runId);
    else if (event.target.closest("[data-show-all]")) this.page.change({ hidden: new Set() });
    else if (event.target.closest("[data-hide-all]")) {
      this.page.change({ hidden: new Set(this.runs.map(({ id }) => String(id))) });
    }
  };

  toggle(id) {
    const hidden = new Set(this.page.view.hidden);
    if (!hidden.delete(id)) hidden.add(id);
    this.page.change({ hidden });
  }

  // Only the runs of the legend whose name holds what is typed.
  find = (event) => {
    if (!event.target.matches("[data-find-run]")) return;
    const wanted = event.target.value.toLowerCase();
    for (const { name, id, item } of this.runs) item.hidden = !`${name} #${id}`.toLowerCase().includes(wanted);
  };

  showLegend = () => {
    const { view } = this.page;
    const keys = view.group ? this.groupKeys(view.group) : null;
    this.runs.forEach((run, place) => {
      const style = keys ? seriesStyle(keys.indexOf(fieldValue(this.fields[run.id], view.group))) : seriesStyle(place);
      run.item.querySelector(".legend-toggle").setAttribute("aria-pressed", !view.hidden.has(String(run.id)));
      run.item.classList.toggle("is-base", view.base === String(run.id));
      paint(run, style);
    });
    showDeltas(view.base);
  };

  // How many points of the first chart are known, for who waits for them.
  drawn({ lines }) {
    this.dataset.points = lines.reduce((sum, { series }) => sum + (series?.length ?? 0), 0);
  }

  showConnection(state) {
    this.connection.dataset.state = state;
    this.connection.textContent = connectionText(state);
  }
}

const describe = (item) => ({ id: Number(item.dataset.runId), name: item.dataset.name, item });

// What each figure is more or less than the baseline's, beside it in the table.
function showDeltas(base) {
  for (const cell of document.querySelectorAll("#figures [data-value]")) {
    const wanted = `#figures tr[data-run="${Number(base)}"] [data-column="${cell.dataset.column}"]`;
    const other = base ? document.querySelector(wanted) : null;
    const text = other && other !== cell ? deltaText(cell.dataset.value, other.dataset.value) : "";
    if (text) cell.dataset.delta = text;
    else delete cell.dataset.delta;
  }
}

function deltaText(value, base) {
  if (value === "" || base === "") return "";
  const delta = Number(value) - Number(base);
  return `${delta < 0 ? "−" : "+"}${figure(Math.abs(delta), 3)}`;
}

// The swatches of a run, in the legend and in the tables below.
function paint({ id, item }, style) {
  const swatches = document.querySelectorAll(`[data-swatch="${id}"] path`);
  for (const path of [item.querySelector("path"), ...swatches]) {
    path.style.stroke = `var(${style.colour})`;
    path.classList.remove("line-solid", "line-dash", "line-dot");
    path.classList.add(`line-${style.dash}`);
  }
}

customElements.define("run-comparison", RunComparison);
