// The chart of a budget; a click on a run leads to it. The tables around it say the same in words.
import { label, scaling } from "../lib/scaling.js";
import { Plot } from "../plot.js";

class ScalingPlot extends HTMLElement {
  connectedCallback() {
    this.root = this.querySelector("[data-plot]");
    const content = JSON.parse(document.getElementById(this.dataset.of).textContent);
    this.plot = new Plot(this.root, { picture: scaling, onDrawn: () => this.listen() });
    this.plot.update({ ...content, flops: Number(this.dataset.flops), label: label(content) });
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
