// How far a job is: told by the hub while it works, and shown without asking.
import { doing } from "../lib/phases.js";
import { locale } from "../lib/i18n.js";
import { watch } from "../live.js";

class JobProgress extends HTMLElement {
  connectedCallback() {
    const { topic, phase, share, state } = this.dataset;
    this.show({ phase, share: Number(share), state });
    this.stop = watch([topic], (message) => message.type === "job" && this.show(message));
  }

  disconnectedCallback() {
    this.stop();
  }

  show({ phase, share, state }) {
    this.querySelector("progress").value = share;
    this.querySelector("[data-doing]").textContent = doing(state, phase);
    const percent = new Intl.NumberFormat(locale(), { style: "percent" });
    this.querySelector("[data-percent]").textContent =
      state === "running" ? percent.format(share) : "";
  }
}

customElements.define("job-progress", JobProgress);
