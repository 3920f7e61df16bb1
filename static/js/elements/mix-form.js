// The rows of a mix: more of them, fewer of them, and what their weights add up to while typing.
import { canScale, judge, readWeight, scaled, sentence, written } from "../lib/mix.js";
import { format, gettext } from "../lib/i18n.js";

class MixForm extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.list = this.querySelector("[data-rows]");
    this.total = this.querySelector("[data-total]");
    this.adder = this.querySelector("[data-add]");
    this.scaler = this.querySelector("[data-scale]");
    this.isSent = false;
    this.release = () => (this.isSent = false);
    this.addEventListener("input", this.judge);
    this.addEventListener("click", this.click);
    this.form.addEventListener("submit", this.sendOnce);
    // The browser's Back may bring this page as it was left.
    addEventListener("pageshow", this.release);
    for (const button of this.querySelectorAll("button[hidden]")) button.hidden = false;
    this.judge();
  }

  disconnectedCallback() {
    removeEventListener("pageshow", this.release);
  }

  get rows() {
    return [...this.list.querySelectorAll("[data-row]")];
  }

  get fields() {
    return this.rows.map((row) => row.querySelector("input[name$='-weight']"));
  }

  click = ({ target }) => {
    const remover = target.closest("[data-remove]");
    if (remover) this.remove(remover.closest("[data-row]"));
    else if (target.closest("[data-add]")) this.add();
    else if (target.closest("[data-scale]")) this.scale();
  };

  add() {
    const count = this.form.elements[this.dataset.count];
    const { innerHTML } = this.querySelector("template");
    this.list.insertAdjacentHTML("beforeend", innerHTML.replaceAll("__prefix__", count.value));
    count.value = Number(count.value) + 1;
    this.rows.at(-1).querySelector("button[hidden]").hidden = false;
    this.rows.at(-1).querySelector("input").focus();
    this.judge();
  }

  // The server takes no notice of a row that is not there.
  remove(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next?.querySelector("[data-remove]") ?? this.adder).focus();
    this.judge();
  }

  scale() {
    const { fields } = this;
    scaled(this.weights()).forEach((weight, at) => {
      if (weight !== null) fields[at].value = written(weight);
    });
    this.judge();
  }

  weights() {
    return this.fields.map(({ value }) => readWeight(value));
  }

  judge = () => {
    const weights = this.weights();
    const verdict = judge(weights);
    this.total.dataset.state = verdict.state;
    const text = sentence(verdict);
    // Written only when it changes: it is read aloud each time.
    if (this.total.textContent !== text) this.total.textContent = text;
    this.scaler.disabled = verdict.state === "right" || !canScale(weights);
    this.adder.disabled = this.rows.length >= Number(this.dataset.most);
    this.rows.forEach((row, at) => {
      const title = format(gettext("Source {n}"), { n: at + 1 });
      row.querySelector("legend").textContent = title;
    });
  };

  sendOnce = (event) => {
    if (this.isSent) event.preventDefault();
    this.isSent = true;
  };
}

customElements.define("mix-form", MixForm);
