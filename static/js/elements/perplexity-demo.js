// Perplexity as exp(loss): of a run of the project (`?run=`), and of any loss.
import { compact, figure, whole } from "../lib/format.js";
import { format, gettext } from "../lib/i18n.js";
import { number } from "../lib/words.js";
import { LineChart } from "../line-chart.js";
import { windowUrl } from "../windows.js";

const POINTS = 400;

class PerplexityDemo extends HTMLElement {
  connectedCallback() {
    this.asked = new URLSearchParams(location.search).get("run") ?? "";
    this.ofRun = this.querySelector("[data-run]");
    this.runs = this.field("run");
    this.step = this.field("step");
    this.runs.addEventListener("change", () => this.choose());
    this.step.addEventListener("input", () => this.read(Number(this.step.value)));
    for (const name of ["loss", "vocabulary"]) this.field(name).addEventListener("input", this.guess);
    this.guess();
    this.load();
  }

  disconnectedCallback() {
    for (const chart of this.charts ?? []) chart.close();
  }

  field(name) {
    return this.querySelector(`[name="${name}"]`);
  }

  // What a loss means

  guess = () => {
    const loss = Number(this.field("loss").value);
    const vocabulary = 2 ** Number(this.field("vocabulary").value);
    this.say("loss", figure(loss, 3));
    this.say("vocabulary", compact(vocabulary));
    const values = {
      loss: figure(loss, 3),
      perplexity: figure(Math.exp(loss), 3),
      vocabulary: compact(vocabulary),
      even: figure(Math.log(vocabulary), 3),
    };
    const texts = [
      gettext("exp({loss}) = {perplexity}: as unsure as between {perplexity} equally likely tokens."),
      gettext("Guessing evenly among {vocabulary} tokens has a loss of ln({vocabulary}) = {even}."),
    ];
    if (loss > Math.log(vocabulary)) texts.push(gettext("This loss is worse than guessing."));
    this.querySelector("[data-guess]").textContent = texts.map((text) => format(text, values)).join(" ");
  };

  say(name, text) {
    this.field(name).setAttribute("aria-valuetext", text);
    this.field(name).closest(".field").querySelector("output").textContent = text;
  }

  // Of a run

  async load() {
    const url = new URL(this.dataset.runs, location.href);
    if (this.asked) url.searchParams.set("run", this.asked);
    const found = await this.fetched(url);
    if (!found) return;
    this.known = found.runs;
    this.querySelector("[data-none]").hidden = this.known.length > 0;
    if (!this.known.length) return;
    this.runs.append(...this.known.map(({ id, name }) => new Option(name, id)));
    const asked = this.known.find(({ id }) => String(id) === this.asked);
    this.runs.value = (asked ?? this.known[0]).id;
    this.ofRun.hidden = false;
    this.makeCharts();
    this.choose();
  }

  makeCharts() {
    const onPoint = (place) => this.read(place);
    this.charts = [...this.querySelectorAll("[data-chart]")].map(
      (root) => new LineChart(root, { write: (y) => figure(y, 3), writeX: compact, onPoint }),
    );
  }

  async choose() {
    const { id, metric, vocabulary } = this.known.find((run) => run.id === Number(this.runs.value));
    const found = await this.fetched(windowUrl({ runs: [id], name: metric, px: POINTS }));
    if (!found || Number(this.runs.value) !== id) return;
    const [{ steps, last }] = found.runs;
    this.losses = steps.map((x, at) => ({ x, y: number(last[at]) })).filter(({ y }) => Number.isFinite(y));
    this.querySelector("[data-empty]").hidden = this.losses.length > 0;
    this.vocabulary = vocabulary;
    const [loss, perplexity] = this.charts;
    loss.draw(this.losses);
    perplexity.draw(this.losses.map(({ x, y }) => ({ x, y: Math.exp(y) })));
    this.step.max = Math.max(0, this.losses.length - 1);
    this.read(this.losses.length - 1);
    const link = this.querySelector("[data-link]");
    link.href = `/runs/${id}/`;
  }

  // One crosshair for both.
  read(place) {
    const point = this.losses[place];
    if (!point) return;
    this.step.value = place;
    for (const chart of this.charts) chart.mark(place);
    const values = { step: whole(point.x), loss: figure(point.y, 4), perplexity: figure(Math.exp(point.y), 4) };
    const text = format(gettext("Step {step}: loss {loss}, perplexity exp({loss}) = {perplexity}"), values);
    const even = this.vocabulary
      ? format(gettext("; guessing evenly would be {vocabulary}"), { vocabulary: compact(this.vocabulary) })
      : "";
    this.step.setAttribute("aria-valuetext", text);
    this.querySelector("[data-readout]").textContent = text + even;
  }

  async fetched(url) {
    const failed = this.querySelector("[data-failed]");
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" }, redirect: "manual" });
      if (answer.ok) {
        failed.hidden = true;
        return await answer.json();
      }
    } catch {
      // Told below, like an answer that is none.
    }
    failed.hidden = false;
    return null;
  }
}

customElements.define("perplexity-demo", PerplexityDemo);
