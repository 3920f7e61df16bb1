// The controls of a page's charts. A change is told to the page ("view-changed"); the page says
// what it shows ("view-shown") and which metrics there are ("charts-shown").
import { format, ngettext } from "../lib/i18n.js";
import { readView } from "../lib/view.js";

// What only matters with another choice: [what, whether it can be chosen].
const DEPENDS = {
  width: ({ smooth }) => smooth !== "none",
  middle: ({ group }) => group !== "",
  spread: ({ group }) => group !== "",
  difference: ({ base }) => base !== "",
  logY: ({ difference }) => !difference,
  logX: ({ x }) => x !== "wall",
};

// Of the stretch that can be typed.
const ENDS = new Set(["start", "end"]);

class ChartControls extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.page = this.closest("run-charts, run-comparison");
    this.addEventListener("change", this.tell);
    this.addEventListener("input", this.typed);
    this.addEventListener("submit", this.stay);
    this.addEventListener("click", this.click);
    this.page.addEventListener("view-shown", this.viewShown);
    this.page.addEventListener("charts-shown", this.chartsShown);
    this.show(readView(location.search));
  }

  disconnectedCallback() {
    this.removeEventListener("change", this.tell);
    this.removeEventListener("input", this.typed);
    this.removeEventListener("submit", this.stay);
    this.removeEventListener("click", this.click);
    this.page.removeEventListener("view-shown", this.viewShown);
    this.page.removeEventListener("charts-shown", this.chartsShown);
  }

  viewShown = ({ detail }) => this.show(detail);
  chartsShown = ({ detail }) => this.offer(detail);

  stay(event) {
    event.preventDefault();
  }

  // A filter works while it is typed.
  typed(event) {
    if (event.target.name === "filter") this.say({ filter: event.target.value });
  }

  click(event) {
    if (event.target.closest("[data-unzoom]")) this.say({ zoom: null, zoomY: null });
  }

  tell(event) {
    const { name } = event.target;
    if (ENDS.has(name)) this.say({ zoom: this.window() });
    else if (name) this.say({ [name]: value(event.target) });
  }

  say(change) {
    this.dispatchEvent(new CustomEvent("view-changed", { bubbles: true, detail: change }));
  }

  // The stretch that was typed; one end alone is none.
  window() {
    const { start, end } = this.form.elements;
    if (start.value === "" || end.value === "") return null;
    const ends = [Number(start.value), Number(end.value)];
    return ends.every(Number.isFinite) && ends[0] < ends[1] ? ends : null;
  }

  show(view) {
    this.view = view;
    for (const field of this.form.elements) {
      if (field.name in view) put(field, view[field.name]);
      if (field.name in DEPENDS) {
        field.disabled = !DEPENDS[field.name](view);
        field.closest("[data-depends]")?.toggleAttribute("hidden", field.disabled);
      }
    }
    const { start, end } = this.form.elements;
    const typed = this.contains(document.activeElement) ? document.activeElement : null;
    if (typed !== start && typed !== end) {
      start.value = view.zoom ? short(view.zoom[0]) : "";
      end.value = view.zoom ? short(view.zoom[1]) : "";
    }
    this.querySelector("[data-unzoom]").hidden = !view.zoom && !view.zoomY;
    this.closest(".charts-head")?.classList.toggle("is-zoomed", Boolean(view.zoom));
  }

  // Any metric can be the x-axis.
  offer({ all, shown }) {
    const place = this.querySelector("[data-metrics]");
    const names = [...new Set(all.flatMap(({ names }) => names))].filter((name) => name !== "tokens");
    if (this.view.x !== "tokens" && !["step", "time", "wall", ...names].includes(this.view.x)) names.push(this.view.x);
    if (place.dataset.names !== names.join()) {
      place.dataset.names = names.join();
      place.replaceChildren(...names.map((name) => new Option(name, name)));
      this.form.elements.x.value = this.view.x;
    }
    const left = all.length - shown.length;
    const text = format(ngettext("{n} hidden", "{n} hidden", left), { n: left });
    this.querySelector("[data-filtered]").textContent = left ? text : "";
    const none = this.page.querySelector("[data-none-matches]");
    if (none) none.hidden = !all.length || shown.length > 0;
  }
}

const short = (value) => Number(value.toPrecision(10)).toString();

function value(field) {
  if (field.type === "checkbox") return field.checked;
  return field.type === "number" ? Number(field.value) || 50 : field.value;
}

function put(field, wanted) {
  if (field.type === "checkbox") field.checked = wanted;
  else if (field !== document.activeElement) field.value = wanted;
}

customElements.define("chart-controls", ChartControls);
