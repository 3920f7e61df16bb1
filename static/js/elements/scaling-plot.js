// The chart of a budget; a click on a run leads to it. The tables around it say the same in words.
import { isNear, label, scaling } from "../lib/scaling.js";
import { Plot } from "../plot.js";

class ScalingPlot extends HTMLElement {
  connectedCallback() {
    this.root = this.querySelector("[data-plot]");
    this.content = JSON.parse(document.getElementById(this.dataset.of).textContent);
    this.plot = new Plot(this.root, { picture: scaling, onDrawn: () => this.listen() });
    this.offerRuns();
    this.draw();
  }

  // Runs of quite another size would press the curves into a corner: a person asks for them.
  offerRuns() {
    const choice = this.querySelector("[data-runs]");
    if (!choice) return;
    this.shown = choice.querySelector("input");
    this.shown.checked = isNear(this.content);
    this.shown.addEventListener("change", () => this.draw());
    choice.hidden = false;
  }

  draw() {
    const { content } = this;
    const runs = this.shown?.checked ? content.runs : [];
    this.plot.update({ ...content, runs, flops: Number(this.dataset.flops), label: label(content) });
  }

  disconnectedCallback() {
    this.plot.destroy();
  }

  listen() {
    if (this.isListening) return;
    this.isListening = true;
    this.root.on("plotly_click", ({ points: [{ customdata }] }) => {
      if (customdata) location.assign(`/runs/${Number(customdata)}/`);
    });
  }
}

customElements.define("scaling-plot", ScalingPlot);
