// Chooses runs in a table, for the comparison and for what is done to many at once. The choice
// outlives filters, pages and rows that move; Shift chooses all between two rows.
import { format, gettext, ngettext } from "../lib/i18n.js";

class RunPicker extends HTMLElement {
  chosen = new Set();
  // All that the filter finds, also on other pages.
  everything = false;

  connectedCallback() {
    this.bar = this.querySelector("#chosen-form");
    this.addEventListener("click", this.click);
    this.addEventListener("change", this.choose);
    this.addEventListener("htmx:afterSettle", this.mark);
    this.addEventListener("part-refreshed", this.mark);
    this.addEventListener("htmx:configRequest", this.send);
    document.addEventListener("runs-changed", this.changed);
    for (const box of this.boxes()) if (box.checked) this.chosen.add(box.value);
    this.show();
  }

  disconnectedCallback() {
    document.removeEventListener("runs-changed", this.changed);
  }

  boxes() {
    return [...this.querySelectorAll("input[name=runs]")];
  }

  click = (event) => {
    if (event.target.name === "runs") this.span(event);
    if (event.target.closest("[data-clear]")) this.clear();
    if (event.target.closest("[data-everything]")) this.chooseEverything();
    if (event.target.closest("[data-submit]")) this.goTo(this.bar.dataset.compare);
    const goes = event.target.closest("[data-goes]");
    if (goes) this.goTo(goes.dataset.goes);
  };

  // The click has changed the box already; those between it and the last one follow.
  span({ target, shiftKey }) {
    const boxes = this.boxes();
    const [from, to] = [boxes.findIndex((box) => box.value === this.last), boxes.indexOf(target)];
    if (shiftKey && from >= 0) {
      const [first, end] = from < to ? [from, to] : [to, from];
      for (const box of boxes.slice(first, end + 1)) this.put(box, target.checked);
    }
    this.last = target.value;
  }

  put(box, checked) {
    box.checked = checked;
    if (checked) this.chosen.add(box.value);
    else this.chosen.delete(box.value);
  }

  choose = ({ target }) => {
    const isAll = "all" in target.dataset;
    if (target.name !== "runs" && !isAll) return;
    this.everything = false;
    for (const box of isAll ? this.boxes() : [target]) this.put(box, target.checked);
    this.mark();
  };

  chooseEverything() {
    this.everything = true;
    for (const box of this.boxes()) this.put(box, true);
    this.mark();
  }

  clear() {
    this.chosen.clear();
    this.everything = false;
    this.mark();
  }

  // What the forms around the list take from the address of what is shown.
  remember() {
    const url = new URL(this.querySelector("live-runs").dataset.url, location.href);
    for (const input of this.querySelectorAll("[data-now]")) {
      input.value = url.searchParams.get(input.dataset.now) ?? "";
    }
  }

  mark = () => {
    this.remember();
    const boxes = this.boxes();
    for (const box of boxes) box.checked = this.everything || this.chosen.has(box.value);
    const marked = boxes.filter((box) => box.checked).length;
    const all = this.querySelector("[data-all]");
    if (all) {
      all.checked = marked > 0 && marked === boxes.length;
      all.indeterminate = marked > 0 && marked < boxes.length;
    }
    this.bar.querySelector("[data-everything]").hidden =
      this.everything || !all?.checked || !this.querySelector("#page-next, #page-previous");
    this.show();
  };

  show() {
    const n = this.chosen.size;
    this.bar.hidden = n === 0 && !this.everything;
    const text = ngettext("{n} run chosen", "{n} runs chosen", n);
    this.bar.querySelector("[data-count]").textContent = this.everything
      ? gettext("All that match are chosen")
      : format(text, { n });
    const compare = this.bar.querySelector("[data-submit]");
    compare.textContent = format(gettext("Compare ({n})"), { n });
    compare.hidden = this.everything;
    for (const goes of this.bar.querySelectorAll("[data-goes]")) goes.hidden = this.everything;
  }

  // The rows of other pages are not in the document.
  send = ({ target, detail }) => {
    if (target !== this.bar) return;
    for (const dialog of this.bar.querySelectorAll("dialog[open]")) dialog.close();
    if (this.everything) {
      const url = new URL(this.querySelector("live-runs").dataset.url, location.href);
      detail.parameters.all = "on";
      detail.parameters.filter = url.searchParams.get("filter") ?? "";
    }
    detail.parameters.runs = [...this.chosen].join(",");
  };

  changed = () => {
    this.clear();
    this.querySelector("live-runs").callForRows();
  };

  // To a page about the chosen runs, which may be told already of which project they are.
  goTo(address) {
    const url = new URL(address, location.href);
    url.searchParams.set("runs", [...this.chosen].join());
    // Commas may stand in an address as they are, and are easier to read there.
    location.assign(url.href.replaceAll("%2C", ","));
  }
}

customElements.define("run-picker", RunPicker);
