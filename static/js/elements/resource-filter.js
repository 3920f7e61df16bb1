// The resources that have what is typed in their title, authors or text; says how many are left.
import { format, ngettext } from "../lib/i18n.js";
import { isMeant } from "../lib/term-names.js";

class ResourceFilter extends HTMLElement {
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
    const isFiltered = this.field.value.trim() !== "";
    let left = 0;
    for (const section of this.querySelectorAll(".purpose")) {
      const found = this.showIn(section);
      section.hidden = isFiltered && found === 0;
      this.querySelector(`[data-count="${section.id}"] .num`).textContent = found;
      left += found;
    }
    this.querySelector("[data-none]").hidden = left > 0;
    const said = ngettext("{n} resource", "{n} resources", left);
    this.form.querySelector("output").textContent = format(said, { n: left });
  };

  showIn(section) {
    let found = 0;
    for (const resource of section.querySelectorAll("[data-names]")) {
      // All that is said of a resource is one text here.
      const text = resource.dataset.names.replaceAll("\n", " ");
      resource.hidden = !isMeant(text, this.field.value);
      found += !resource.hidden;
    }
    return found;
  }
}

customElements.define("resource-filter", ResourceFilter);
