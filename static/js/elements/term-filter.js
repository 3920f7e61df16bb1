// The terms whose name, in any language, has what is typed; says how many are left.
import { format, ngettext } from "../lib/i18n.js";
import { isMeant } from "../lib/term-names.js";

class TermFilter extends HTMLElement {
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
    for (const section of this.querySelectorAll(".letter")) {
      const found = this.showIn(section);
      section.hidden = found === 0;
      this.mark(section.id, found > 0);
      left += found;
    }
    this.querySelector("[data-none]").hidden = left > 0;
    const said = ngettext("{n} term", "{n} terms", left);
    this.form.querySelector("output").textContent = format(said, { n: left });
  };

  showIn(section) {
    let found = 0;
    for (const term of section.querySelectorAll("[data-names]")) {
      term.hidden = !isMeant(term.dataset.names, this.field.value);
      found += !term.hidden;
    }
    return found;
  }

  // A letter without a term leads nowhere, and keeps its place in the bar.
  mark(id, leads) {
    const link = this.querySelector(`.letters a[href="#${id}"], .letters a[data-href="#${id}"]`);
    link.dataset.href = `#${id}`;
    if (leads) link.href = `#${id}`;
    else link.removeAttribute("href");
  }
}

customElements.define("term-filter", TermFilter);
