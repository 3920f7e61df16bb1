// The head of a run's page: moves with each step, and is fetched again when the run's state changes.
import { duration, figure } from "../lib/format.js";
import { format, gettext, locale } from "../lib/i18n.js";
import { Refresher } from "../lib/refresher.js";
import { watch } from "../live.js";
import { refreshPart } from "../page-part.js";

const TICK_MS = 1000;

class RunStatus extends HTMLElement {
  connectedCallback() {
    this.runId = Number(this.dataset.runId);
    this.total = Number(this.dataset.totalSteps);
    this.refresher = new Refresher(() => this.refresh());
    this.followPoints = (event) => event.detail.runId === this.runId && this.showPoints(event.detail);
    document.addEventListener("points-drawn", this.followPoints);
    this.stop = watch([this.dataset.topic], (message) => this.receive(message), {
      onState: (state) => state === "live" && this.joined(),
    });
    this.clock = setInterval(() => this.tick(), TICK_MS);
  }

  disconnectedCallback() {
    document.removeEventListener("points-drawn", this.followPoints);
    this.stop();
    this.refresher.close();
    clearInterval(this.clock);
  }

  // The page may be older than the run's last move, the first time too; only a run that was over
  // when the page was made does not move.
  joined() {
    if (this.wasJoined || !("over" in this.dataset)) this.refresher.ask();
    this.wasJoined = true;
  }

  receive(message) {
    if (message.type !== "run") return;
    this.showStep(message.step);
    const { state, want } = this.dataset;
    if (message.state !== state || message.want !== want) this.refresher.ask();
  }

  // The curves may be ahead of what the hub has counted.
  async refresh() {
    await refreshPart(this);
    if (this.points) this.showPoints(this.points);
    this.tick();
  }

  showPoints(points) {
    this.points = points;
    const { figures, lastStep, secondsLeft } = points;
    this.showStep(lastStep);
    for (const place of this.querySelectorAll("[data-figure]")) {
      const value = figures[place.dataset.figure];
      if (value !== undefined) place.textContent = figure(value);
    }
    const moving = this.dataset.state === "running" && secondsLeft !== null;
    const text = format(gettext("about {time} left"), { time: duration(secondsLeft ?? 0) });
    this.querySelector("[data-left]").textContent = moving && secondsLeft > 0 ? text : "";
  }

  // The points and the machine's reports do not come in one order: a step never goes back by itself.
  showStep(step) {
    const bar = this.querySelector("progress");
    // The length of a run that a script logs is unknown: it has no bar.
    this.step = Math.max(step ?? 0, bar?.value ?? this.step ?? 0);
    if (bar) this.step = Math.min(this.step, this.total);
    if (bar) bar.value = this.step;
    this.querySelector("[data-step]").textContent = this.step.toLocaleString(locale());
  }

  tick() {
    const place = this.querySelector("[data-since]");
    if (place) place.textContent = duration((Date.now() - Date.parse(place.dataset.since)) / 1000);
  }
}

customElements.define("run-status", RunStatus);
