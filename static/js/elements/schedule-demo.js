// The learning rate over a recipe's steps, with its values to be moved. `?recipe=` names the recipe,
// and values beside it (as the launch form gives them) take the place of the recipe's own.
import { compact, figure, whole } from "../lib/format.js";
import { format, gettext } from "../lib/i18n.js";
import { learningRate, scheduleCurve, warmupSteps } from "../lib/schedule.js";
import { LineChart } from "../line-chart.js";

const START = { learning_rate: 6e-4, min_lr: 6e-5, lr_schedule: "cosine", warmup_steps: 200, warmup_ratio: 0 };
const START_STEPS = 10_000;
const MOST_STEPS = 1e7;
const rate = (value) => figure(value, 3);

// Of the address; what is no number is as if it were not there.
function given(query) {
  const found = {};
  for (const name of ["learning_rate", "min_lr", "warmup_steps", "warmup_ratio"]) {
    const value = Number(query.get(name) || NaN);
    if (Number.isFinite(value) && value >= 0) found[name] = value;
  }
  const shape = query.get("lr_schedule");
  if (["cosine", "linear", "constant"].includes(shape)) found.lr_schedule = shape;
  return found;
}

function givenSteps(query) {
  const steps = Math.floor(Number(query.get("max_steps") || NaN));
  return steps >= 1 && steps <= MOST_STEPS ? steps : null;
}

class ScheduleDemo extends HTMLElement {
  connectedCallback() {
    this.query = new URLSearchParams(location.search);
    this.values = { ...START, ...given(this.query) };
    this.total = givenSteps(this.query) ?? START_STEPS;
    this.chart = new LineChart(this.querySelector("[data-chart]"), {
      write: rate,
      writeX: compact,
      onPoint: (place) => this.read(this.curve[place].x),
    });
    this.recipes = this.field("recipe");
    this.recipes.addEventListener("change", () => this.choose(this.recipes.value));
    this.addEventListener("input", this.moved);
    this.show();
    this.load();
  }

  disconnectedCallback() {
    this.chart.close();
  }

  field(name) {
    return this.querySelector(`[name="${name}"]`);
  }

  async load() {
    try {
      const answer = await fetch(this.dataset.recipes, { redirect: "manual" });
      this.known = (await answer.json()).recipes;
    } catch {
      this.querySelector("[data-failed]").hidden = false;
      return;
    }
    if (!this.known.length) return;
    this.recipes.append(...this.known.map(({ slug, title }) => new Option(title, slug)));
    this.recipes.closest(".field").hidden = false;
    const asked = this.known.find(({ slug }) => slug === this.query.get("recipe"));
    this.choose((asked ?? this.known[0]).slug, given(this.query), givenSteps(this.query));
  }

  choose(slug, over = {}, steps = null) {
    const recipe = this.known.find((each) => each.slug === slug);
    this.recipes.value = slug;
    this.values = { ...START, ...recipe.values, ...over };
    this.total = steps ?? recipe.steps ?? START_STEPS;
    this.show();
  }

  moved = ({ target }) => {
    const { name } = target;
    const number = Number(target.value);
    if (name === "step") return this.read(number);
    if (name === "lr_schedule") this.values.lr_schedule = target.value;
    // The peak and the steps go by powers of ten.
    if (name === "learning_rate") this.movePeak(Number((10 ** number).toPrecision(2)));
    if (name === "min_lr") this.values.min_lr = (number / 100) * this.values.learning_rate;
    if (name === "warmup_steps") this.moveWarmup(number / 100);
    if (name === "max_steps") this.total = Math.round(Number((10 ** number).toPrecision(2)));
    if (name !== "recipe") this.show();
  };

  // The final rate keeps its share of the peak.
  movePeak(peak) {
    this.values.min_lr *= peak / this.values.learning_rate;
    this.values.learning_rate = peak;
  }

  moveWarmup(share) {
    this.values.warmup_ratio = 0;
    this.values.warmup_steps = Math.round(share * this.total);
  }

  show() {
    const { learning_rate: peak, min_lr: lowest, lr_schedule: shape } = this.values;
    const warmup = warmupSteps(this.values, this.total);
    this.field("lr_schedule").value = shape;
    this.set("learning_rate", Math.log10(peak), rate(peak));
    this.set("min_lr", peak ? (100 * lowest) / peak : 0, rate(lowest));
    this.set("warmup_steps", (100 * warmup) / this.total, compact(warmup));
    this.set("max_steps", Math.log10(this.total), compact(this.total));
    this.curve = scheduleCurve(this.values, this.total);
    this.chart.draw(this.curve);
    const step = this.field("step");
    step.max = this.total - 1;
    this.read(Math.min(Number(step.value), this.total - 1));
  }

  set(name, place, text) {
    const slider = this.field(name);
    if (slider !== document.activeElement) slider.value = place;
    slider.setAttribute("aria-valuetext", text);
    slider.closest(".field").querySelector("output").textContent = text;
  }

  // Tells the rate at one step; the crosshair stands at the nearest point of the curve.
  read(step) {
    const slider = this.field("step");
    slider.value = step;
    const value = learningRate(this.values, step, this.total);
    const text = format(gettext("Step {step}: {rate}, {what}"), {
      step: whole(step + 1),
      rate: rate(value),
      what: this.phase(step),
    });
    slider.setAttribute("aria-valuetext", text);
    this.querySelector("[data-readout]").textContent = text;
    this.chart.mark(this.curve.findLastIndex(({ x }) => x <= step));
  }

  phase(step) {
    const warmup = warmupSteps(this.values, this.total);
    if (step + 1 < warmup) return gettext("warming up");
    if (step + 1 === warmup || (!warmup && !step)) return gettext("the peak");
    return this.values.lr_schedule === "constant" ? gettext("as high as at the peak") : gettext("on the way down");
  }
}

customElements.define("schedule-demo", ScheduleDemo);
