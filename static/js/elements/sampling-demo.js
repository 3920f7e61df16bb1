// What temperature, top-k and top-p make of a model's next token, and draws from it.
import { element } from "../element.js";
import { figure, whole } from "../lib/format.js";
import { format, gettext, locale } from "../lib/i18n.js";
import { distribution, drawn, entropy } from "../lib/sampling.js";
import { visible } from "../lib/visible.js";

// Rows of the table; the other tokens share one.
const SHOWN = 15;

const entriesOf = ({ tokens, rest }) => [
  ...tokens.map(([text, logit]) => ({ text, logit, count: 1 })),
  ...rest.map(([logit, count]) => ({ text: null, logit, count })),
];

function percent(part) {
  if (part === 0) return "–";
  const digits = part < 0.001 ? 1 : 3;
  return new Intl.NumberFormat(locale(), { style: "percent", maximumSignificantDigits: digits }).format(part);
}

const sum = (values) => values.reduce((all, value) => all + value, 0);

class SamplingDemo extends HTMLElement {
  async connectedCallback() {
    this.prompts = this.field("prompt");
    this.models = this.field("model");
    this.counts = new Map();
    this.addEventListener("input", this.changed);
    this.addEventListener("click", this.clicked);
    this.querySelector("form").addEventListener("submit", this.ask);
    try {
      const answer = await fetch(this.dataset.url);
      const { model, prompts } = await answer.json();
      this.known = prompts;
      this.models.append(new Option(format(gettext("{model}, stored"), { model }), ""));
    } catch {
      this.querySelector("[data-failed]").hidden = false;
      return;
    }
    this.prompts.append(...this.known.map(({ text }, at) => new Option(`${text} …`, at)));
    this.choose();
    this.findLive();
  }

  // The versions that the playground has in memory; without one the stored model is enough.
  async findLive() {
    try {
      const answer = await fetch(this.dataset.live, { redirect: "manual" });
      const { versions } = await answer.json();
      this.models.append(...versions.map(({ id, name }) => new Option(format(gettext("{model}, live"), { model: name }), id)));
    } catch {
      // What is stored works all the same.
    }
  }

  // What the chosen version expects after the text that was typed.
  ask = async (event) => {
    event?.preventDefault();
    const token = document.body.getAttribute("hx-headers");
    const body = new URLSearchParams({ version: this.models.value, text: this.field("typed").value });
    this.asked = body;
    this.setAttribute("aria-busy", "true");
    try {
      const headers = JSON.parse(token);
      const answer = await fetch(this.dataset.live, { method: "POST", headers, body, redirect: "manual" });
      const found = await answer.json();
      this.hear(found, body);
    } catch {
      this.hear({ error: gettext("The model could not be asked. Load the page again.") }, body);
    }
  };

  // Unless another model or text was chosen meanwhile.
  hear(found, asked) {
    if (asked !== this.asked) return;
    this.forget();
    this.refuse(found.error ?? "");
    if (!found.error) this.take(found);
  }

  forget() {
    this.asked = null;
    this.removeAttribute("aria-busy");
  }

  refuse(text) {
    const place = this.querySelector("[data-refused]");
    place.textContent = text;
    place.hidden = !text;
  }

  field(name) {
    return this.querySelector(`[name="${name}"]`);
  }

  changed = ({ target }) => {
    if (!this.known) return;
    if (target === this.models) this.turn();
    else if (target === this.prompts) this.choose();
    else if (target !== this.field("typed")) this.show();
  };

  // To the stored model with its texts, or to a live one.
  turn() {
    const isLive = this.models.value !== "";
    for (const part of this.querySelectorAll("[data-of]")) part.hidden = (part.dataset.of === "live") !== isLive;
    this.forget();
    this.refuse("");
    if (isLive) this.ask();
    else this.choose();
  }

  choose() {
    this.take(this.known[Number(this.prompts.value)]);
  }

  take(found) {
    this.entries = entriesOf(found);
    this.show();
  }

  // Whatever was drawn before was drawn from another distribution.
  show() {
    const settings = {
      temperature: Number(this.field("temperature").value),
      topK: Number(this.field("top_k").value),
      topP: Number(this.field("top_p").value),
    };
    this.found = distribution(this.entries, settings);
    this.counts.clear();
    this.tellSettings(settings);
    this.tellFigures();
    this.tellRows();
    this.tellDraws("");
  }

  tellSettings({ temperature, topK, topP }) {
    this.say("temperature", figure(temperature, 3));
    this.say("top_k", topK ? String(topK) : gettext("all"));
    this.say("top_p", topP < 1 ? figure(topP, 3) : gettext("all"));
  }

  say(name, text) {
    this.field(name).setAttribute("aria-valuetext", text);
    this.field(name).closest(".field").querySelector("output").textContent = text;
  }

  tellFigures() {
    const { before, after, kept } = this.found;
    const all = this.entries.map(({ count }) => count);
    const texts = {
      kept: format(gettext("{kept} of {all}"), { kept: whole(sum(kept)), all: whole(sum(all)) }),
      before: format(gettext("{nats} nats"), { nats: figure(entropy(before, all), 3) }),
      after: format(gettext("{nats} nats"), { nats: figure(entropy(after, kept), 3) }),
    };
    for (const [name, text] of Object.entries(texts)) {
      this.querySelector(`[data-figure="${name}"]`).textContent = text;
    }
  }

  // Each of the likeliest, and all others together.
  rows() {
    const places = this.entries.map((_, at) => at);
    return [...places.slice(0, SHOWN).map((at) => [at]), places.slice(SHOWN)];
  }

  tellRows() {
    const { before, after, kept } = this.found;
    const total = (parts, places) => sum(places.map((at) => parts[at]));
    const rows = this.rows().map((places) => ({
      places,
      name: this.nameOf(places),
      before: total(before, places),
      after: total(after, places),
      kept: total(kept, places),
    }));
    const largest = Math.max(...rows.flatMap((row) => [row.before, row.after]));
    this.querySelector("tbody").replaceChildren(...rows.map((row) => this.row(row, largest)));
  }

  nameOf(places) {
    if (places.length === 1) return visible(this.entries[places[0]].text);
    const count = sum(places.map((at) => this.entries[at].count));
    return format(gettext("{count} others"), { count: whole(count) });
  }

  row({ places, name, before, after, kept }, largest) {
    const bar = (className, part) => {
      const made = element("span", `bar ${className}`);
      made.style.width = `${(100 * part) / largest}%`;
      return made;
    };
    const label = places.length === 1 ? element("code", "token", name) : name;
    const head = element("th", "", label);
    head.scope = "row";
    const state = kept ? percent(after) : element("span", "dropped", gettext("dropped"));
    const row = element(
      "tr",
      kept ? "" : "out",
      head,
      element("td", "bars", bar("before", before), bar("after", after)),
      element("td", "num model", percent(before)),
      element("td", "num", state),
      element("td", "num", ""),
    );
    row.places = places;
    return row;
  }

  clicked = ({ target }) => {
    const times = Number(target.closest("[data-draw]")?.dataset.draw ?? NaN);
    if (!this.found || Number.isNaN(times)) return;
    if (times) this.draw(times);
    else this.show();
  };

  draw(times) {
    let last = 0;
    for (let at = 0; at < times; at += 1) {
      last = drawn(this.found.after, Math.random());
      this.counts.set(last, (this.counts.get(last) ?? 0) + 1);
    }
    const { text } = this.entries[last];
    const all = sum([...this.counts.values()]);
    const said = times === 1 ? gettext("Drawn: “{token}”. {all} in all.") : gettext("{all} tokens drawn.");
    const token = text === null ? gettext("one of the others") : visible(text);
    this.tellDraws(format(said, { token, all: whole(all) }));
  }

  // Beside each count what was to be expected.
  tellDraws(text) {
    const all = sum([...this.counts.values()]);
    for (const row of this.querySelectorAll("tbody tr")) {
      const count = sum(row.places.map((at) => this.counts.get(at) ?? 0));
      const expected = all * sum(row.places.map((at) => this.found.after[at]));
      const told = `${whole(count)} / ${expected < 100 ? figure(expected, 3) : whole(Math.round(expected))}`;
      row.lastElementChild.textContent = count || expected ? told : "";
      row.lastElementChild.hidden = !all;
    }
    this.querySelector("th.drawn").hidden = !all;
    this.querySelector("table").classList.toggle("drawn", all > 0);
    this.querySelector("[data-drawn]").textContent = text;
  }
}

customElements.define("sampling-demo", SamplingDemo);
