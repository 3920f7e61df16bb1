// Any value of the configs against any figure, a point a run; a click leads to the run. What is
// chosen stays in the address.
import { seriesStyle } from "../lib/palette.js";
import { scatter, scatterPoints } from "../lib/scatter.js";
import { readView, withChoice } from "../lib/view.js";
import { Plot } from "../plot.js";

const PATH = "/compare/figures/";
const NAMES = { field: "field", metric: "metric", which: "which", logx: "slogx", logy: "slogy" };

const read = (id) => JSON.parse(document.getElementById(id).textContent);

class RunScatter extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.comparison = document.querySelector("run-comparison");
    this.runs = [...this.comparison.querySelectorAll(".legend li")].map(({ dataset }) => ({
      id: Number(dataset.runId),
      name: dataset.name,
    }));
    this.fields = read("run-fields");
    this.group = readView(location.search).group;
    this.root = this.querySelector("[data-scatter]");
    this.plot = new Plot(this.root, { picture: scatter, onDrawn: () => this.listen() });
    this.restore();
    this.addEventListener("change", this.choose);
    this.addEventListener("submit", this.stay);
    this.comparison.addEventListener("view-shown", this.viewShown);
    this.load();
  }

  disconnectedCallback() {
    this.removeEventListener("change", this.choose);
    this.removeEventListener("submit", this.stay);
    this.comparison.removeEventListener("view-shown", this.viewShown);
    this.plot.destroy();
  }

  stay(event) {
    event.preventDefault();
  }

  restore() {
    const query = new URLSearchParams(location.search);
    for (const [name, written] of Object.entries(NAMES)) {
      const field = this.form.elements[name];
      const said = query.get(written);
      if (field.type === "checkbox") field.checked = said === "1";
      else if ([...field.options].some(({ value }) => value === said)) field.value = said;
    }
  }

  get chosen() {
    const of = (field) => (field.type === "checkbox" ? field.checked : field.value);
    return Object.fromEntries(Object.keys(NAMES).map((name) => [name, of(this.form.elements[name])]));
  }

  choose = (event) => {
    const { chosen } = this;
    const part = new URLSearchParams();
    for (const [name, written] of Object.entries(NAMES)) {
      if (chosen[name]) part.set(written, chosen[name] === true ? "1" : chosen[name]);
    }
    const query = withChoice(location.search, part, Object.values(NAMES));
    history.replaceState(null, "", `${location.pathname}?${query}${location.hash}`);
    if (event.target.name === "metric") this.load();
    else this.draw();
  };

  viewShown = ({ detail }) => {
    if (detail.group === this.group) return;
    this.group = detail.group;
    this.draw();
  };

  async load() {
    const { metric } = this.chosen;
    const url = new URL(PATH, location.href);
    url.searchParams.set("runs", this.runs.map(({ id }) => id).join(","));
    url.searchParams.set("name", metric);
    const answer = await fetch(url, { headers: { Accept: "application/json" } }).catch(() => null);
    // Another metric was chosen meanwhile.
    if (!answer?.ok || metric !== this.chosen.metric || !this.isConnected) return;
    this.figures = (await answer.json()).runs;
    this.draw();
  }

  draw() {
    if (!this.figures) return;
    const { field, metric, which, logx, logy } = this.chosen;
    const points = scatterPoints(this.runs, this.fields, this.figures, { field, which, group: this.group });
    this.querySelector("[data-nothing]").hidden = points.length > 0;
    this.root.hidden = !points.length;
    const keys = [...new Set(points.map(({ key }) => key))];
    const [{ text: xTitle } = { text: "" }] = this.form.elements.field.selectedOptions;
    this.plot.update({
      points,
      xTitle,
      yTitle: metric,
      logX: logx,
      logY: logy,
      grouped: this.group !== "",
      styleOf: (key) => seriesStyle(keys.indexOf(key)),
      label: `${xTitle}, ${metric}`,
    });
  }

  listen() {
    if (this.isListening) return;
    this.isListening = true;
    this.root.on("plotly_click", ({ points: [point] }) => location.assign(`/runs/${Number(point.customdata)}/`));
  }
}

customElements.define("run-scatter", RunScatter);
