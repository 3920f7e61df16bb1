// The editor of a template: while a button brings the form anew nobody can write into the old one;
// afterwards items that were open are open, and the keyboard is where it was.
class TemplateEditor extends HTMLElement {
  connectedCallback() {
    this.addEventListener("htmx:beforeRequest", this.hold);
    this.addEventListener("htmx:afterSettle", this.restore);
    // Where no answer came, the form is still the old one.
    this.addEventListener("htmx:afterRequest", this.release);
  }

  get form() {
    return this.querySelector("form");
  }

  hold = () => {
    this.opened = [...this.querySelectorAll("details[open]")].map(({ id }) => id);
    this.focused = document.activeElement?.id;
    this.form.inert = true;
  };

  release = ({ detail }) => {
    this.form.inert = false;
    if (!detail.successful) this.focus();
  };

  restore = () => {
    for (const id of this.opened ?? []) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
    this.focus();
  };

  // On what was added, else on the same button, unless it has nothing to do any more.
  focus() {
    const added = this.querySelector("[data-added] input:not([type='hidden'])");
    const button = this.focused && this.querySelector(`#${this.focused}:enabled`);
    (added ?? (button || this.querySelector("#add-group"))).focus();
  }
}

customElements.define("template-editor", TemplateEditor);
