// The editor of a template: after a button has brought the form anew, items that were open are open
// and the keyboard is where it was.
class TemplateEditor extends HTMLElement {
  connectedCallback() {
    this.addEventListener("htmx:beforeSwap", this.remember);
    this.addEventListener("htmx:afterSettle", this.restore);
  }

  remember = () => {
    this.opened = [...this.querySelectorAll("details[open]")].map(({ id }) => id);
    this.focused = document.activeElement?.id;
  };

  restore = () => {
    for (const id of this.opened ?? []) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
    const added = this.querySelector("[data-added] input:not([type='hidden'])");
    const button = this.focused && document.getElementById(this.focused);
    (added ?? (button?.disabled ? null : button) ?? this.querySelector("#add-group")).focus();
  };
}

customElements.define("template-editor", TemplateEditor);
