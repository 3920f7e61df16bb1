// What a person types says how they tell their budget; another choice below is shown at once.
class ScalingForm extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.addEventListener("input", this.choose);
    document.addEventListener("change", this.show);
  }

  disconnectedCallback() {
    document.removeEventListener("change", this.show);
  }

  choose = ({ target }) => {
    const radio = target.closest("[data-by]")?.querySelector('input[type="radio"]');
    if (radio) radio.checked = true;
  };

  show = ({ target }) => {
    if ("shows" in target.dataset && target.form === this.form) this.form.requestSubmit();
  };
}

customElements.define("scaling-form", ScalingForm);
