// The live charts of one run. After each redraw of the first chart it says "points-drawn".
import "./chart-controls.js";

import { CurvePage } from "../curve-page.js";
import { chartsOfRun } from "../lib/charts.js";
import { number } from "../lib/words.js";
import { connectionText } from "../lib/connection.js";
import { secondsLeft } from "../lib/eta.js";
import { seriesStyle } from "../lib/palette.js";
import { Marks } from "../marks.js";

class RunCharts extends HTMLElement {
  connectedCallback() {
    this.runId = Number(this.dataset.runId);
    // By the names of metrics, which may be those of an object's own parts.
    this.figures = Object.create(null);
    this.waiting = this.querySelector("[data-waiting]");
    this.connection = this.querySelector(".connection");
    this.marks = new Marks(this, [this.runId], () => this.page?.draw());
    this.page = new CurvePage(this, {
      runs: [this.runId],
      names: JSON.parse(document.getElementById("run-metrics").textContent),
      titles: JSON.parse(document.getElementById("metric-titles").textContent),
      chartsOf: (names) => this.chartsOf(names),
      curvesOf: (chart) => this.curves(chart),
      more: () => ({ marksOf: (run) => this.marks.of(run) }),
      notes: this.marks,
      onConnection: (state) => this.showConnection(state),
      onDrawn: (key, content) => this.drawn(key, content),
      onNews: (message) => this.news(message),
    });
  }

  disconnectedCallback() {
    this.page.close();
    this.marks.close();
  }

  chartsOf(names) {
    const charts = chartsOfRun(names);
    this.waiting.hidden = charts.length > 0;
    return charts;
  }

  curves({ names }) {
    return names.map((metric, index) => ({
      id: metric,
      run: this.runId,
      name: this.page?.grid.titleOf(metric).title ?? metric,
      metric,
      ...seriesStyle(index),
    }));
  }

  news(message) {
    for (const [name, values] of Object.entries(message.columns?.series ?? {})) {
      const last = values.findLast((one) => one !== null);
      if (last !== undefined) this.figures[name] = number(last);
    }
    if (["checkpoint", "samples", "note"].includes(message.type)) this.marks.load();
  }

  drawn(key, { lines }) {
    if (key !== this.page?.charts[0].key || !lines.length) return;
    const [{ series }] = lines;
    this.dataset.points = series.length;
    const lastStep = Math.max(...lines.map((line) => line.series.lastStep));
    const detail = { runId: this.runId, lastStep, figures: this.figures, secondsLeft: this.left(series) };
    this.dispatchEvent(new CustomEvent("points-drawn", { bubbles: true, detail }));
  }

  left({ rows, added }) {
    const steps = [...rows.ends.subarray(-50), ...added.steps.slice(-50)];
    const times = [...rows.times.subarray(-50), ...added.times.slice(-50)];
    return secondsLeft(steps, times, Number(this.dataset.totalSteps));
  }

  showConnection(state) {
    // Of a run that is over nothing more can come: only trouble is worth a word.
    this.connection.hidden = "over" in this.dataset && state === "live";
    this.connection.dataset.state = state;
    this.connection.textContent = connectionText(state);
  }
}

customElements.define("run-charts", RunCharts);
