// Chooses runs in a table and takes them to the comparison; the choice outlives filters and pages.
import { format, gettext, ngettext } from "../lib/i18n.js";

class RunPicker extends HTMLElement {
  chosen = new Set();

  connectedCallback() {
    this.bar = this.querySelector("form[data-compare]");
    this.addEventListener("change", this.choose);
    this.addEventListener("click", this.clear);
    this.addEventListener("htmx:afterSettle", this.mark);
    this.addEventListener("part-refreshed", this.mark);
    this.bar.addEventListener("submit", this.go);
    for (const box of this.boxes()) if (box.checked) this.chosen.add(box.value);
    this.show();
  }

  disconnectedCallback() {
    this.removeEventListener("change", this.choose);
    this.removeEventListener("click", this.clear);
    this.removeEventListener("htmx:afterSettle", this.mark);
    this.removeEventListener("part-refreshed", this.mark);
    this.bar.removeEventListener("submit", this.go);
  }

  boxes() {
    return this.querySelectorAll("input[name=runs]");
  }

  choose(event) {
    if (event.target.name !== "runs") return;
    const { value, checked } = event.target;
    if (checked) this.chosen.add(value);
    else this.chosen.delete(value);
    this.show();
  }

  clear(event) {
    if (!event.target.closest("[data-clear]")) return;
    this.chosen.clear();
    this.mark();
    this.show();
  }

  mark() {
    for (const box of this.boxes()) box.checked = this.chosen.has(box.value);
  }

  show() {
    const n = this.chosen.size;
    this.bar.hidden = n === 0;
    const text = ngettext("{n} run chosen", "{n} runs chosen", n);
    this.bar.querySelector("[data-count]").textContent = format(text, { n });
    this.bar.querySelector("[data-submit]").textContent = format(gettext("Compare ({n})"), { n });
  }

  go = (event) => {
    event.preventDefault();
    location.assign(`${this.bar.action}?runs=${[...this.chosen].join(",")}`);
  };
}

customElements.define("run-picker", RunPicker);
