// A form made from a spec, whose values the server judges while the person types: brings each
// reason to its field, marks what was changed, and sends the form once.
const ERROR = "[data-error-for]";

class SpecForm extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.isSent = false;
    this.release = () => (this.isSent = false);
    this.addEventListener("htmx:afterSettle", this.judged);
    this.addEventListener("click", this.followError);
    this.form.addEventListener("submit", this.sendOnce);
    // The browser's Back may bring this page as it was left.
    addEventListener("pageshow", this.release);
  }

  disconnectedCallback() {
    removeEventListener("pageshow", this.release);
  }

  judged = ({ target }) => {
    if (!target.matches("#plan, #changes")) return;
    const reasons = new Map(
      [...target.querySelectorAll(ERROR)].map((row) => [
        row.dataset.errorFor,
        row.querySelector("span").textContent,
      ]),
    );
    const changed = new Set(
      [...this.querySelectorAll("[data-changed]")].map((row) => row.dataset.changed),
    );
    // The summary of an earlier press is out of date.
    for (const summary of this.querySelectorAll(".notice.error")) {
      if (!target.contains(summary)) summary.remove();
    }
    for (const field of this.form.querySelectorAll(".field[data-name]")) {
      const { name } = field.dataset;
      this.showReason(field, reasons.get(name) ?? "");
      if (!reasons.size) field.classList.toggle("changed", changed.has(name));
    }
  };

  showReason(field, reason) {
    const place = field.querySelector(".error");
    const control = field.querySelector("input, select, textarea");
    place.textContent = reason;
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-errormessage");
    if (!reason) return;
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-errormessage", place.id);
  }

  // Opens the group of the field and puts the cursor into it.
  followError = (event) => {
    const link = event.target.closest(`${ERROR} a`);
    const control = link && document.getElementById(link.hash.slice(1));
    if (!control) return;
    event.preventDefault();
    const group = control.closest("details");
    if (group) group.open = true;
    control.focus();
  };

  sendOnce = (event) => {
    if (this.isSent) event.preventDefault();
    this.isSent = true;
  };
}

customElements.define("spec-form", SpecForm);
