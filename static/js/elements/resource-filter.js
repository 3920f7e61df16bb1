// The resources that have what is typed in their title, authors or text; says how many are left.
import { ngettext } from "../lib/i18n.js";
import { NamesFilter } from "../names-filter.js";

class ResourceFilter extends NamesFilter {
  sections = ".purpose";

  said(left) {
    return ngettext("{n} resource", "{n} resources", left);
  }

  mark(id, found) {
    this.querySelector(`[data-count="${id}"] .num`).textContent = found;
  }

  // A purpose without resources says so, as long as nothing is typed.
  hides(found) {
    return found === 0 && this.field.value.trim() !== "";
  }

  // All that is said of a resource is one text here.
  names({ dataset }) {
    return dataset.names.replaceAll("\n", " ");
  }
}

customElements.define("resource-filter", ResourceFilter);
