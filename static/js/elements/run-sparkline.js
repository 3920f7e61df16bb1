// A run's training loss in a table cell; grows with push(step, value).
import { Spark, sparkPath } from "../lib/sparkline.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 112;
const HEIGHT = 28;

class RunSparkline extends HTMLElement {
  connectedCallback() {
    const { values, stride, count, lastStep, totalSteps } = this.dataset;
    this.total = Number(totalSteps);
    this.spark = new Spark({
      values: values ? values.split(",").map(Number) : [],
      stride: Number(stride),
      count: Number(count),
      lastStep: Number(lastStep),
    });
    this.draw();
  }

  push(step, value) {
    this.spark.push(step, value);
    this.draw();
  }

  draw() {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute("width", WIDTH);
    svg.setAttribute("height", HEIGHT);
    svg.setAttribute("aria-hidden", "true");
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", sparkPath(this.spark.points, this.total, WIDTH, HEIGHT));
    svg.append(line);
    this.replaceChildren(svg);
  }
}

customElements.define("run-sparkline", RunSparkline);
