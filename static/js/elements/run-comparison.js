// The curves of several runs, one chart a metric; one legend shows and hides a run in all of them.
import "./chart-controls.js";

import { ChartGrid } from "../chart-grid.js";
import { openRun } from "../live.js";
import { chartsOfComparison } from "../lib/charts.js";
import { connectionText, worst } from "../lib/connection.js";
import { seriesStyle } from "../lib/palette.js";
import { readView, withoutRun, writeView } from "../lib/view.js";

class RunComparison extends HTMLElement {
  connectedCallback() {
    this.view = readView(location.search);
    const titles = JSON.parse(document.getElementById("metric-titles").textContent);
    this.grid = new ChartGrid(this.querySelector("[data-charts]"), titles);
    this.runs = [...this.querySelectorAll(".legend li")].map((item, place) => this.open(item, place));
    this.addEventListener("view-changed", this.changeView);
    this.addEventListener("click", this.click);
    this.showLegend();
  }

  disconnectedCallback() {
    this.removeEventListener("view-changed", this.changeView);
    this.removeEventListener("click", this.click);
    for (const run of this.runs) run.live.close();
    this.grid.destroy();
  }

  open(item, place) {
    const run = { id: item.dataset.runId, name: item.dataset.name, item, state: "connecting" };
    run.style = seriesStyle(place);
    run.live = openRun({
      runId: Number(run.id),
      pointsUrl: item.dataset.pointsUrl,
      onPoints: () => this.draw(),
      onConnection: (state) => this.showConnection(run, state),
    });
    paint(run);
    return run;
  }

  changeView(event) {
    this.view = { ...event.detail, hidden: this.view.hidden };
    this.draw();
  }

  click(event) {
    const item = event.target.closest(".legend li");
    if (item && event.target.closest(".legend-remove")) {
      location.assign(`?${withoutRun(location.search, item.dataset.runId)}`);
    } else if (item && event.target.closest(".legend-toggle")) this.toggle(item.dataset.runId);
  }

  toggle(id) {
    if (!this.view.hidden.delete(id)) this.view.hidden.add(id);
    history.replaceState(null, "", `?${writeView(location.search, this.view)}`);
    this.showLegend();
    this.draw();
  }

  showLegend() {
    for (const { id, item } of this.runs) {
      item.querySelector(".legend-toggle").setAttribute("aria-pressed", !this.view.hidden.has(id));
    }
  }

  draw() {
    const charts = chartsOfComparison(this.runs.flatMap((run) => run.live.stream.names));
    this.querySelector("[data-waiting]").hidden = charts.length > 0;
    this.grid.draw(charts, ({ names: [metric] }) => this.curves(metric), this.view);
    this.dataset.points = this.runs.reduce((sum, run) => sum + pointsOf(run, charts), 0);
  }

  curves(metric) {
    return this.runs.map(({ id, name, live, style }) => ({
      id,
      name,
      stream: live.stream,
      metric,
      hidden: this.view.hidden.has(id),
      ...style,
    }));
  }

  showConnection(run, state) {
    run.state = state;
    const place = this.querySelector(".connection");
    place.dataset.state = worst((this.runs ?? []).map((other) => other.state));
    place.textContent = connectionText(place.dataset.state);
  }
}

const pointsOf = (run, charts) => run.live.stream.column(charts[0]?.names[0])?.length ?? 0;

// The swatches of a run, in the legend and in the tables below.
function paint({ id, item, style }) {
  const swatches = document.querySelectorAll(`[data-swatch="${Number(id)}"] path`);
  for (const path of [item.querySelector("path"), ...swatches]) {
    path.style.stroke = `var(${style.colour})`;
    path.classList.add(`line-${style.dash}`);
  }
}

customElements.define("run-comparison", RunComparison);
