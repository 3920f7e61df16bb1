// One box for everything: `/` opens it on any page. A combobox by the keyboard, whose options the
// hub writes as one types; without JavaScript its button leads to the page of the search.
import { gettext } from "../lib/i18n.js";
import { Refresher } from "../lib/refresher.js";
import { itemOf, moved, opens, remembered, stored } from "../lib/search.js";
import { keep, kept } from "../lib/storage.js";

// Milliseconds for a person to type the next letter.
const CALM = 120;

class SearchPalette extends HTMLElement {
  active = -1;
  options = [];

  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.input = this.querySelector("input");
    this.list = this.querySelector("[role=listbox]");
    this.status = this.querySelector("[role=status]");
    this.none = this.querySelector(".palette-none");
    this.refresher = new Refresher(() => this.load(), CALM);
    this.querySelector("a").addEventListener("click", this.press);
    this.querySelector("[data-closes]").addEventListener("click", () => this.dialog.close());
    this.querySelector("form").addEventListener("submit", this.submit);
    this.input.addEventListener("input", this.type);
    this.input.addEventListener("keydown", this.key);
    this.dialog.addEventListener("click", this.click);
    this.list.addEventListener("pointermove", this.point);
    document.addEventListener("keydown", this.shortcut);
    document.addEventListener("click", this.follow);
    this.remember(itemOf(location.pathname));
  }

  disconnectedCallback() {
    this.refresher.close();
    document.removeEventListener("keydown", this.shortcut);
    document.removeEventListener("click", this.follow);
  }

  shortcut = (event) => {
    if (event.defaultPrevented || !opens(event)) return;
    event.preventDefault();
    if (this.dialog.open) this.dialog.close();
    // What asks something is answered first.
    else if (!document.querySelector("dialog[open]")) this.open();
  };

  press = (event) => {
    // With a key held the link opens elsewhere, as links do.
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.open();
  };

  open() {
    this.dialog.showModal();
    this.input.focus();
    this.input.select();
    this.refresher.ask();
  }

  // What was chosen answered the earlier words: Enter must not open it for these.
  type = () => {
    this.choose(-1);
    this.refresher.ask();
  };

  async load() {
    const typed = this.input.value.trim();
    const query = new URLSearchParams({ q: typed, opened: typed ? "" : this.opened().join() });
    const options = { redirect: "error" };
    const answer = await fetch(`${this.dataset.url}?${query}`, options).catch(() => null);
    const html = answer?.ok ? await answer.text().catch(() => null) : null;
    // Something else was typed meanwhile: that is asked for next.
    if (typed !== this.input.value.trim()) return;
    if (html === null) this.fail();
    else this.show(html);
  }

  show(html) {
    const found = document.createRange().createContextualFragment(html);
    const said = found.querySelector("[data-said]");
    said.remove();
    this.list.replaceChildren(found);
    this.options = [...this.list.querySelectorAll("[role=option]")];
    for (const [at, option] of this.options.entries()) option.id = `palette-option-${at}`;
    this.list.scrollTop = 0;
    this.say(said.textContent);
    this.choose(-1);
  }

  fail() {
    this.list.replaceChildren();
    this.options = [];
    this.say(gettext("The hub does not answer. Press Enter to try the page of the search."));
    this.choose(-1);
  }

  say(text) {
    this.status.textContent = text;
    this.none.textContent = text;
    this.none.hidden = this.list.hidden = false;
    (this.options.length ? this.none : this.list).hidden = true;
    this.input.setAttribute("aria-expanded", String(this.options.length > 0));
  }

  choose(at) {
    for (const marked of this.list.querySelectorAll("[aria-selected=true]")) {
      marked.setAttribute("aria-selected", "false");
    }
    this.active = at;
    const option = this.options[at];
    if (!option) return this.input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    this.input.setAttribute("aria-activedescendant", option.id);
  }

  key = (event) => {
    if (event.isComposing) return;
    const at = moved(event.key, this.active, this.options.length);
    if (at !== null) {
      this.choose(at);
      this.options[at]?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && this.active >= 0) this.options[this.active].click();
    else return;
    event.preventDefault();
  };

  // The mouse marks what it points at, so that there are never two marks.
  point = (event) => {
    const option = event.target.closest("[role=option]");
    if (option) this.choose(this.options.indexOf(option));
  };

  click = (event) => {
    const option = event.target.closest("[role=option]");
    // The dialog itself is hit only beside its content: on the backdrop.
    if (!option && event.target !== this.dialog) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    this.dialog.close();
    if (option?.dataset.does === "theme") document.querySelector("theme-toggle button").click();
  };

  submit = (event) => {
    if (!this.input.value.trim()) event.preventDefault();
  };

  // Results are remembered wherever they stand.
  follow = (event) => this.remember(event.target.closest("[data-item]")?.dataset.item);

  opened() {
    return stored(kept(this.place()));
  }

  remember(item) {
    if (!item) return;
    const items = remembered(this.opened(), item);
    keep(this.place(), JSON.stringify(items));
  }

  // People who share a browser do not share what they opened.
  place() {
    return `opened-${this.dataset.person}`;
  }
}

customElements.define("search-palette", SearchPalette);
