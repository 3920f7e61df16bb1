// The terms whose name, in any language, has what is typed; says how many are left.
import { ngettext } from "../lib/i18n.js";
import { NamesFilter } from "../names-filter.js";

class TermFilter extends NamesFilter {
  sections = ".letter";

  said(left) {
    return ngettext("{n} term", "{n} terms", left);
  }

  // A letter without a term leads nowhere, and keeps its place in the bar.
  mark(id, found) {
    const link = this.querySelector(`.letters a[href="#${id}"], .letters a[data-href="#${id}"]`);
    link.dataset.href = `#${id}`;
    if (found) link.href = `#${id}`;
    else link.removeAttribute("href");
  }
}

customElements.define("term-filter", TermFilter);
