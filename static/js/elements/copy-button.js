// <copy-button for="id"><button>Copy</button></copy-button> copies the text or value of an element.
import { gettext } from "../lib/i18n.js";

class CopyButton extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", this.copy);
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.copy);
    clearTimeout(this.timer);
  }

  async copy() {
    const source = document.getElementById(this.getAttribute("for"));
    await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
    const button = this.querySelector("button");
    const label = button.textContent;
    if (this.timer) return;
    button.textContent = gettext("Copied");
    this.timer = setTimeout(() => {
      button.textContent = label;
      this.timer = null;
    }, 1500);
  }
}

customElements.define("copy-button", CopyButton);
