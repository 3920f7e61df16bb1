// A list in sections, of which what is typed leaves those entries that are meant; says how many.
import { format } from "./lib/i18n.js";
import { isMeant } from "./lib/term-names.js";

export class NamesFilter extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("[data-filter]");
    this.field = this.form.elements.q;
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.field.addEventListener("input", this.show);
    this.querySelector("[data-clear]").addEventListener("click", this.clear);
    this.form.hidden = false;
    // What was typed before the page was left and come back to.
    this.show();
  }

  clear = () => {
    this.field.value = "";
    this.field.focus();
    this.show();
  };

  show = () => {
    let left = 0;
    for (const section of this.querySelectorAll(this.sections)) {
      const found = this.#showIn(section);
      section.hidden = this.hides(found);
      this.mark(section.id, found);
      left += found;
    }
    this.querySelector("[data-none]").hidden = left > 0;
    this.form.querySelector("output").textContent = format(this.said(left), { n: left });
  };

  #showIn(section) {
    let found = 0;
    for (const entry of section.querySelectorAll("[data-names]")) {
      entry.hidden = !isMeant(this.names(entry), this.field.value);
      found += !entry.hidden;
    }
    return found;
  }

  hides(found) {
    return found === 0;
  }

  names({ dataset }) {
    return dataset.names;
  }
}
