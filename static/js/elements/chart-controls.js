// The axes of a page's charts. Keeps them in the address and tells the page: "view-changed".
import { readView, writeView } from "../lib/view.js";

class ChartControls extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    const view = readView(location.search);
    this.form.elements.x.value = view.x;
    this.form.elements.logx.checked = view.logX;
    this.form.elements.logy.checked = view.logY;
    this.addEventListener("change", this.tell);
    this.addEventListener("submit", this.stay);
  }

  disconnectedCallback() {
    this.removeEventListener("change", this.tell);
    this.removeEventListener("submit", this.stay);
  }

  stay(event) {
    event.preventDefault();
  }

  tell() {
    const { x, logx, logy } = this.form.elements;
    const view = {
      ...readView(location.search),
      x: x.value,
      logX: logx.checked,
      logY: logy.checked,
    };
    const query = writeView(location.search, view);
    history.replaceState(null, "", `${location.pathname}${query && `?${query}`}${location.hash}`);
    this.dispatchEvent(new CustomEvent("view-changed", { bubbles: true, detail: view }));
  }
}

customElements.define("chart-controls", ChartControls);
