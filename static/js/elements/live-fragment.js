// A part of a page that is fetched again when a message of `data-types` arrives on `data-topics`.
// With data-watch only when that field of the message (of the same run or job) has another value than before.
import { Refresher } from "../lib/refresher.js";
import { watch } from "../live.js";
import { refreshPart } from "../page-part.js";

const CALM_MS = 300;

class LiveFragment extends HTMLElement {
  connectedCallback() {
    const { topics, types, watch: field } = this.dataset;
    this.types = new Set(types.split(" "));
    this.field = field;
    this.known = new Map();
    this.refresher = new Refresher(() => refreshPart(this), CALM_MS);
    this.stop = watch(topics.split(" "), (message) => this.receive(message), {
      onState: (state) => state === "live" && this.joined(),
    });
  }

  disconnectedCallback() {
    this.stop();
    this.refresher.close();
  }

  // What came before, or while the connection was down, is not told again.
  joined() {
    if (this.wasJoined || !("over" in this.dataset)) this.refresher.ask();
    this.wasJoined = true;
  }

  receive(message) {
    if (!this.types.has(message.type)) return;
    if (this.field && !this.isNew(message)) return;
    this.refresher.ask();
  }

  isNew(message) {
    const value = message[this.field];
    const of = message.run ?? message.job;
    const changed = this.known.get(of) !== value;
    this.known.set(of, value);
    return changed;
  }
}

customElements.define("live-fragment", LiveFragment);
