// A part of a page that is fetched again when a message of `data-types` arrives on `data-topics`.
// With data-watch only when that field of the message (of the same run) has another value than before.
import { watch } from "../live.js";

const CALM_MS = 300;

class LiveFragment extends HTMLElement {
  connectedCallback() {
    const { topics, types, watch: field } = this.dataset;
    this.types = new Set(types.split(" "));
    this.field = field;
    this.known = new Map();
    let joined = false;
    this.stop = watch(topics.split(" "), (message) => this.receive(message), {
      onState: (state) => {
        // What came while the connection was down is not told again.
        if (state === "live" && joined) this.refreshSoon();
        joined ||= state === "live";
      },
    });
  }

  disconnectedCallback() {
    this.stop();
    clearTimeout(this.timer);
  }

  receive(message) {
    if (!this.types.has(message.type)) return;
    if (this.field && !this.isNew(message)) return;
    this.refreshSoon();
  }

  isNew(message) {
    const value = message[this.field];
    const changed = this.known.get(message.run) !== value;
    this.known.set(message.run, value);
    return changed;
  }

  refreshSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      htmx.ajax("GET", this.dataset.url, { source: this, target: this, swap: "outerHTML" });
    }, CALM_MS);
  }
}

customElements.define("live-fragment", LiveFragment);
