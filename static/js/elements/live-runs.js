// Rows of runs that move by themselves: state, progress, figures, sparkline.
// With data-url the list itself is fetched again: for a run that is not among them, with
// data-reload="states" for one that changes its state.
import { figure } from "../lib/format.js";
import { Refresher } from "../lib/refresher.js";
import { watch } from "../live.js";
import { refreshPart } from "../page-part.js";

const CALM_MS = 500;

class LiveRuns extends HTMLElement {
  connectedCallback() {
    this.states = JSON.parse(document.getElementById("run-states").textContent);
    this.refresher = new Refresher(() => this.refresh(), CALM_MS);
    this.stop = watch(this.dataset.topics.split(" "), (message) => this.receive(message), {
      // What came before, or while the connection was down, is not told again.
      onState: (state) => state === "live" && this.callForRows(),
    });
  }

  disconnectedCallback() {
    this.stop();
    this.refresher.close();
  }

  // A wide table stays where it was scrolled to.
  async refresh() {
    const left = this.querySelector(".table-wrap")?.scrollLeft ?? 0;
    await refreshPart(this);
    const table = this.querySelector(".table-wrap");
    if (table) table.scrollLeft = left;
  }

  callForRows() {
    if (this.dataset.url) this.refresher.ask();
  }

  receive(message) {
    if (message.type === "organised") this.callForRows();
    if (!message.run) return;
    const rows = this.querySelectorAll(`[data-run="${Number(message.run)}"]`);
    if (message.type === "run" && !rows.length) this.callForRows();
    for (const row of rows) {
      if (message.type === "run") this.showState(row, message);
      if (message.type === "summary") this.showFigures(row, message);
    }
  }

  showState(row, { state, step }) {
    this.showStep(row, step);
    const badge = row.querySelector(".state");
    // A table may be without the column.
    if (!badge) return;
    const ended = !badge.classList.contains(`state-${state}`) && this.dataset.reload === "states";
    badge.className = `state state-${state}`;
    badge.textContent = this.states[state] ?? state;
    if (ended) this.callForRows();
  }

  showStep(row, step) {
    const bar = row.querySelector("progress");
    if (bar && step > bar.value) bar.value = step;
  }

  showFigures(row, { last, step }) {
    this.showStep(row, step);
    for (const cell of row.querySelectorAll("[data-figure]")) {
      const value = last[cell.dataset.figure];
      if (value !== undefined) this.showFigure(cell, Number(value));
    }
    if ("train/loss" in last) row.querySelector("run-sparkline")?.push(step, Number(last["train/loss"]));
  }

  // A cell of the lowest or highest value (data-of, or data-best for the lowest) changes only for
  // one that goes further.
  showFigure(cell, value) {
    const { best, of = best === undefined ? "last" : "min", value: known = best } = cell.dataset;
    if (of === "count") return;
    if (of === "min" && value >= Number(known || Infinity)) return;
    if (of === "max" && value <= Number(known || -Infinity)) return;
    cell.dataset[best === undefined ? "value" : "best"] = value;
    cell.textContent = figure(value);
    if ("value" in cell.dataset) cell.dataset.value = value;
  }
}

customElements.define("live-runs", LiveRuns);
