// Switches between light and dark, and remembers the choice.
import { keep } from "../lib/storage.js";

class ThemeToggle extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.toggle);
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.toggle);
  }

  toggle() {
    const root = document.documentElement;
    const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const next = (root.dataset.theme ?? preferred) === "dark" ? "light" : "dark";
    root.dataset.theme = next;
    keep("theme", next);
    document.dispatchEvent(new CustomEvent("theme-changed"));
  }
}

customElements.define("theme-toggle", ThemeToggle);
