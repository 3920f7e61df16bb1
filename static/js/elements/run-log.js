// The log of a run's newest attempt, live. Older text is fetched on demand, other attempts by choice.
import { watch } from "../live.js";
import { format, gettext } from "../lib/i18n.js";
import { LogText } from "../lib/log-text.js";

// Fewer pixels than this from the end count as at the end.
const NEAR_END = 40;

class RunLog extends HTMLElement {
  connectedCallback() {
    this.pre = this.querySelector("pre");
    this.follow = this.querySelector("[data-follow]");
    this.older = this.querySelector("[data-older]");
    this.attempts = this.querySelector("[data-attempts]");
    this.none = this.querySelector("[data-none]");
    this.log = new LogText();
    this.queue = Promise.resolve();
    this.pre.addEventListener("scroll", this.scrolled);
    this.older.addEventListener("click", this.loadOlder);
    this.attempts.addEventListener("change", this.choose);
    this.follow.addEventListener("change", this.resume);
    this.seen = new IntersectionObserver(this.toEnd);
    this.seen.observe(this.pre);
    this.stop = watch([this.dataset.topic], (message) => this.receive(message), {
      onState: (state) => state === "live" && this.inTurn(() => this.catchUp()),
      onRejoined: () => this.inTurn(() => this.catchUp()),
    });
    this.inTurn(() => this.restart());
  }

  disconnectedCallback() {
    this.stop();
    this.seen.disconnect();
  }

  // One fetch at a time: each starts from what the one before it brought.
  inTurn(work) {
    this.queue = this.queue.then(work).catch(() => {});
  }

  async fetch(query) {
    const url = new URL(this.dataset.url, location.href);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const answer = await fetch(url, { redirect: "error" });
    if (!answer.ok) throw new Error(answer.status);
    return answer.json();
  }

  receive(message) {
    if (message.type !== "log") return;
    this.inTurn(() => this.take(message));
  }

  take(message) {
    const place = this.log.place(message);
    if (place === "append" && !this.isHeld()) this.append(message);
    if (place === "gap") return this.catchUp();
    // A person who reads an older attempt is not torn away from it.
    if (place === "newer" && this.isNewestShown()) return this.restart();
    return null;
  }

  // Who reads further up keeps what is there; what comes beyond the limit waits for their return.
  isHeld() {
    return this.log.isFull && !this.follow.checked;
  }

  isNewestShown() {
    const shown = [...this.attempts.options].map((option) => Number(option.value));
    return this.log.attempt === null || this.log.attempt === Math.max(...shown);
  }

  async restart(attempt = null) {
    const window = await this.fetch(attempt === null ? {} : { attempt });
    this.log.start(window);
    this.pre.replaceChildren(document.createTextNode(window.text));
    this.showAttempts(window);
    this.show();
    this.toEnd();
  }

  async catchUp() {
    if (this.log.attempt === null) return this.restart();
    if (this.isHeld()) return null;
    let window;
    do {
      window = await this.fetch({ attempt: this.log.attempt, after: this.log.end });
      if (window.text && window.offset !== this.log.end) return this.restart(this.log.attempt);
      if (window.text) this.append(window);
    } while (window.after && window.text && !this.isHeld());
    return null;
  }

  // One node a piece: what the log forgets at the top leaves the page too.
  append(piece) {
    this.log.extend(piece);
    this.pre.append(document.createTextNode(piece.text));
    const dropped = this.follow.checked ? this.log.trim() : 0;
    for (let count = 0; count < dropped; count += 1) this.pre.firstChild.remove();
    this.show();
    this.toEnd();
  }

  loadOlder = () => {
    this.inTurn(async () => {
      const { attempt, offset } = this.log;
      const window = await this.fetch({ attempt, before: offset });
      const height = this.pre.scrollHeight;
      this.follow.checked = false;
      this.log.prepend(window);
      this.pre.prepend(document.createTextNode(window.text));
      // What was being read stays where it was.
      this.pre.scrollTop += this.pre.scrollHeight - height;
      this.show();
    });
  };

  choose = () => {
    const attempt = Number(this.attempts.value);
    this.inTurn(() => this.restart(attempt));
  };

  showAttempts({ attempts, attempt }) {
    this.attempts.closest("label").hidden = attempts.length < 2;
    const options = attempts.map((n) => new Option(format(gettext("Attempt {n}"), { n }), n));
    this.attempts.replaceChildren(...options);
    this.attempts.value = attempt ?? "";
  }

  show() {
    this.older.hidden = !this.log.hasBefore;
    this.none.hidden = !this.log.isEmpty;
    this.pre.hidden = !this.none.hidden;
  }

  toEnd = () => {
    if (this.follow.checked) this.pre.scrollTop = this.pre.scrollHeight;
  };

  // Back at the end: where nothing more found room meanwhile, the end is loaded anew.
  resume = () => {
    if (this.follow.checked && this.log.isFull) this.inTurn(() => this.restart(this.log.attempt));
    else this.toEnd();
  };

  // Scrolling up stops the following, scrolling down to the end takes it up again.
  scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = this.pre;
    if (!clientHeight) return;
    const wasFollowing = this.follow.checked;
    this.follow.checked = scrollHeight - scrollTop - clientHeight < NEAR_END;
    if (this.follow.checked && !wasFollowing) this.resume();
  };
}

customElements.define("run-log", RunLog);
