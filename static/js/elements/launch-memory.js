// The memory figure of the launch form: fetched again when a worker has measured it. The message
// may be lost, so htmx asks every few seconds besides.
import { watch } from "../live.js";

class LaunchMemory extends HTMLElement {
  connectedCallback() {
    const { topic } = this.dataset;
    if (topic) this.stop = watch([topic], () => htmx.trigger(this, "refresh"));
  }

  disconnectedCallback() {
    this.stop?.();
  }
}

customElements.define("launch-memory", LaunchMemory);
