// The live charts of one run. After each redraw of the first chart it says "points-drawn".
import "./chart-controls.js";

import { ChartGrid } from "../chart-grid.js";
import { openRun } from "../live.js";
import { chartsOfRun } from "../lib/charts.js";
import { connectionText } from "../lib/connection.js";
import { secondsLeft } from "../lib/eta.js";
import { seriesStyle } from "../lib/palette.js";
import { readView } from "../lib/view.js";

class RunCharts extends HTMLElement {
  connectedCallback() {
    this.view = readView(location.search);
    this.titles = JSON.parse(document.getElementById("metric-titles").textContent);
    this.waiting = this.querySelector("[data-waiting]");
    this.connection = this.querySelector(".connection");
    this.grid = new ChartGrid(this.querySelector("[data-charts]"), this.titles, {
      onDrawn: (key, traces) => this.drawn(key, traces),
    });
    this.addEventListener("view-changed", this.changeView);
    this.run = openRun({
      runId: Number(this.dataset.runId),
      pointsUrl: this.dataset.pointsUrl,
      onPoints: () => this.draw(),
      onConnection: (state) => this.showConnection(state),
    });
  }

  disconnectedCallback() {
    this.removeEventListener("view-changed", this.changeView);
    this.run.close();
    this.grid.destroy();
  }

  changeView(event) {
    this.view = event.detail;
    this.draw();
  }

  draw() {
    const { stream } = this.run;
    this.charts = chartsOfRun(stream.names);
    this.waiting.hidden = this.charts.length > 0;
    this.grid.draw(this.charts, (chart) => this.curves(chart), this.view);
  }

  curves({ names }) {
    return names.map((metric, index) => ({
      id: metric,
      name: this.grid.titleOf(metric).title,
      stream: this.run.stream,
      metric,
      ...seriesStyle(index),
    }));
  }

  drawn(key, traces) {
    if (key !== this.charts[0].key) return;
    this.dataset.points = traces[0]?.x.length ?? 0;
    const { stream } = this.run;
    const detail = { runId: Number(this.dataset.runId), lastStep: stream.lastStep, stream };
    this.dispatchEvent(
      new CustomEvent("points-drawn", { bubbles: true, detail: { ...detail, ...this.left() } }),
    );
  }

  left() {
    const main = this.run.stream.column(this.charts[0].names[0]);
    const total = Number(this.dataset.totalSteps);
    return { secondsLeft: secondsLeft(main.steps, main.times, total) };
  }

  showConnection(state) {
    // Of a run that is over nothing more can come: only trouble is worth a word.
    this.connection.hidden = "over" in this.dataset && state === "live";
    this.connection.dataset.state = state;
    this.connection.textContent = connectionText(state);
  }
}

customElements.define("run-charts", RunCharts);
