// The field of the filter with its suggestions: a combobox by the keyboard, with a list below it.
import { complete, take } from "../lib/completion.js";

class FilterField extends HTMLElement {
  names = null;
  found = { options: [] };
  active = -1;

  connectedCallback() {
    this.input = this.querySelector("input");
    this.list = this.querySelector("[role=listbox]");
    const described = {
      role: "combobox",
      "aria-expanded": "false",
      "aria-controls": this.list.id,
      "aria-autocomplete": "list",
    };
    for (const [name, value] of Object.entries(described)) this.input.setAttribute(name, value);
    this.input.addEventListener("focus", () => this.load());
    this.input.addEventListener("input", () => this.suggest());
    this.input.addEventListener("click", () => this.suggest());
    this.input.addEventListener("keydown", this.key);
    this.input.addEventListener("blur", () => this.close());
    // Before the field loses the focus, which would close the list.
    this.list.addEventListener("pointerdown", this.press);
    document.addEventListener("click", this.replace);
    addEventListener("popstate", this.followAddress);
    this.followAddress();
  }

  disconnectedCallback() {
    document.removeEventListener("click", this.replace);
    removeEventListener("popstate", this.followAddress);
  }

  // A page that comes back from the history has its list, and not what was typed.
  followAddress = () => {
    this.input.value = new URLSearchParams(location.search).get("filter") ?? "";
    this.close();
  };

  async load() {
    if (this.names) return;
    const answer = await fetch(this.dataset.names, { redirect: "error" }).catch(() => null);
    if (!answer?.ok) return;
    this.names = await answer.json();
    if (document.activeElement === this.input) this.suggest();
  }

  suggest() {
    if (!this.names) return;
    this.found = complete(this.input.value, this.input.selectionStart ?? 0, this.names);
    this.show(-1);
  }

  show(active) {
    const { options } = this.found;
    this.active = active;
    this.list.hidden = !options.length;
    this.input.setAttribute("aria-expanded", String(options.length > 0));
    this.list.replaceChildren(...options.map((option, at) => this.row(option, at)));
    if (active < 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", `${this.list.id}-${active}`);
    this.list.children[active]?.scrollIntoView({ block: "nearest" });
  }

  row({ text, detail }, at) {
    const row = document.createElement("li");
    row.id = `${this.list.id}-${at}`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(at === this.active));
    const name = document.createElement("span");
    name.textContent = text;
    row.append(name);
    if (detail) {
      const small = document.createElement("small");
      small.textContent = detail;
      row.append(small);
    }
    return row;
  }

  close() {
    this.found = { options: [] };
    this.show(-1);
  }

  key = (event) => {
    const count = this.found.options.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!count) this.suggest();
      else this.show(next(this.active, event.key === "ArrowDown" ? 1 : -1, count));
    } else if (event.key === "Escape" && count) this.close();
    else if (event.key === "Enter" && this.active >= 0) this.choose(this.active);
    // Tab takes the one that is marked, or the only one; else it goes on as everywhere.
    else if (event.key === "Tab" && !event.shiftKey && (this.active >= 0 || count === 1)) {
      this.choose(Math.max(0, this.active));
    } else {
      if (event.key === "Enter") this.close();
      return;
    }
    event.preventDefault();
  };

  press = (event) => {
    event.preventDefault();
    const row = event.target.closest("[role=option]");
    if (row) this.choose([...this.list.children].indexOf(row));
  };

  choose(at) {
    const { text, cursor } = take(this.input.value, this.found, this.found.options[at]);
    this.set(text, cursor);
    this.suggest();
  }

  // A name that the hub offers under the field in place of one it does not know.
  replace = (event) => {
    const offer = event.target.closest("[data-filter]");
    if (!offer) return;
    this.input.focus();
    this.set(offer.dataset.filter, offer.dataset.filter.length);
  };

  set(text, cursor) {
    this.input.value = text;
    this.input.setSelectionRange(cursor, cursor);
    this.input.dispatchEvent(new Event("input", { bubbles: true }));
  }
}

const next = (at, by, count) => (at < 0 && by < 0 ? count - 1 : (at + by + count) % count);

customElements.define("filter-field", FilterField);
