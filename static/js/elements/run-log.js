// The log of a run's newest attempt, live. Older text is fetched on demand, other attempts by choice.
// What is sought is found by the hub; the stretch around it is fetched, and not all that lies between.
import { watch } from "../live.js";
import { format, gettext } from "../lib/i18n.js";
import { characterAt, Matches, occurrences } from "../lib/log-search.js";
import { LogText } from "../lib/log-text.js";

// Fewer pixels than this from the end count as at the end.
const NEAR_END = 40;
// Whoever still types is not done.
const TYPING_MS = 250;

class RunLog extends HTMLElement {
  connectedCallback() {
    this.pre = this.querySelector("pre");
    this.follow = this.querySelector("[data-follow]");
    this.older = this.querySelector("[data-older]");
    this.attempts = this.querySelector("[data-attempts]");
    this.newer = this.querySelector("[data-newer]");
    this.none = this.querySelector("[data-none]");
    this.sought = this.querySelector("[data-search]");
    this.count = this.querySelector("[data-count]");
    this.toOlder = this.querySelector("[data-match-older]");
    this.toNewer = this.querySelector("[data-match-newer]");
    this.log = new LogText();
    this.queue = Promise.resolve();
    this.pre.addEventListener("scroll", this.scrolled);
    this.older.addEventListener("click", this.loadOlder);
    this.newer.addEventListener("click", this.loadNewer);
    this.sought.addEventListener("input", this.type);
    this.sought.addEventListener("keydown", this.step);
    this.toOlder.addEventListener("click", () => this.go("older"));
    this.toNewer.addEventListener("click", () => this.go("newer"));
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
    clearTimeout(this.typing);
    this.highlight([], null);
  }

  // One fetch at a time: each starts from what the one before it brought.
  inTurn(work) {
    this.queue = this.queue.then(work).catch(() => {});
  }

  async fetch(query, address = this.dataset.url) {
    const url = new URL(address, location.href);
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
    // A stretch from the middle stays as it is until its reader comes back to the end.
    if (this.log.hasAfter) return null;
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
    this.begin(await this.fetch(attempt === null ? {} : { attempt }));
    this.toEnd();
  }

  begin(window) {
    this.log.start(window);
    this.pre.replaceChildren(document.createTextNode(window.text));
    this.showAttempts(window);
    this.show();
  }

  async catchUp() {
    if (this.log.attempt === null) return this.restart();
    if (this.isHeld() || this.log.hasAfter) return null;
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

  loadNewer = () => {
    this.inTurn(async () => {
      const window = await this.fetch({ attempt: this.log.attempt, after: this.log.end });
      this.log.hasAfter = window.after;
      this.log.extend(window);
      this.pre.append(document.createTextNode(window.text));
      this.show();
    });
  };

  choose = () => {
    const attempt = Number(this.attempts.value);
    this.inTurn(async () => {
      await this.restart(attempt);
      this.seek();
    });
  };

  type = () => {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.seek(), TYPING_MS);
  };

  // Enter goes on to the next older match, with shift back to the newer one.
  step = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    this.go(event.shiftKey ? "newer" : "older");
  };

  seek() {
    clearTimeout(this.typing);
    const sought = this.sought.value;
    const attempt = this.log.attempt;
    const query = (before) => ({ q: sought, attempt, ...(before === undefined ? {} : { before }) });
    this.matches = sought
      ? new Matches((before) => this.fetch(query(before), this.dataset.searchUrl))
      : null;
    this.soughtNow = sought;
    if (this.matches) this.go("older");
    else this.showMatches();
  }

  go(direction) {
    if (this.sought.value !== (this.soughtNow ?? "")) return this.seek();
    const { matches } = this;
    if (!matches) return null;
    return this.inTurn(async () => {
      const match = await matches[direction]();
      // Meanwhile something else is sought.
      if (matches !== this.matches) return;
      if (match) await this.jump(match);
      this.showMatches();
    });
  }

  async jump({ offset }) {
    this.follow.checked = false;
    if (!this.log.pieceAt(offset)) {
      const window = await this.fetch({ attempt: this.log.attempt, around: offset });
      this.begin(window);
      this.log.hasAfter = window.after;
      this.show();
    }
    const range = this.rangeOf(offset);
    if (!range) return;
    const line = range.getBoundingClientRect();
    const box = this.pre.getBoundingClientRect();
    this.pre.scrollTop += line.top - box.top - box.height / 3;
  }

  // The line that begins at a byte of the log.
  rangeOf(offset) {
    const place = this.log.pieceAt(offset);
    if (!place) return null;
    const node = this.pre.childNodes[place.index];
    const start = characterAt(node.data, place.byte);
    const rest = node.data.slice(start).search(/[\r\n]/);
    const range = document.createRange();
    range.setStart(node, start);
    range.setEnd(node, rest < 0 ? node.length : start + rest);
    return range;
  }

  showMatches() {
    const { matches } = this;
    const { at, count, isOpen } = matches?.place ?? { at: 0, count: 0, isOpen: false };
    this.toOlder.disabled = !matches?.hasOlder;
    this.toNewer.disabled = !matches?.hasNewer;
    const values = { at, count: isOpen ? `${count}+` : count };
    if (!matches) this.count.textContent = "";
    else if (!count) this.count.textContent = gettext("Not found");
    else this.count.textContent = format(gettext("{at} of {count}"), values);
    this.mark();
  }

  mark() {
    const found = [];
    for (const node of this.matches ? this.pre.childNodes : []) {
      for (const [start, end] of occurrences(node.data, this.soughtNow)) {
        const range = document.createRange();
        range.setStart(node, start);
        range.setEnd(node, end);
        found.push(range);
      }
    }
    const { current } = this.matches ?? {};
    this.highlight(found, current ? this.rangeOf(current.offset) : null);
  }

  // Without a change of the page: its text stays what the log is made of.
  highlight(found, line) {
    if (!globalThis.CSS?.highlights) return;
    CSS.highlights.set("log-match", new Highlight(...found));
    CSS.highlights.set("log-line", new Highlight(...(line ? [line] : [])));
  }

  showAttempts({ attempts, attempt }) {
    this.attempts.closest("label").hidden = attempts.length < 2;
    const options = attempts.map((n) => new Option(format(gettext("Attempt {n}"), { n }), n));
    this.attempts.replaceChildren(...options);
    this.attempts.value = attempt ?? "";
  }

  show() {
    this.older.hidden = !this.log.hasBefore;
    this.newer.hidden = !this.log.hasAfter;
    this.none.hidden = !this.log.isEmpty;
    this.pre.hidden = !this.none.hidden;
    if (this.matches) this.mark();
  }

  toEnd = () => {
    if (this.follow.checked) this.pre.scrollTop = this.pre.scrollHeight;
  };

  // Back at the end: where nothing more found room meanwhile, the end is loaded anew.
  resume = () => {
    const isElsewhere = this.log.isFull || this.log.hasAfter;
    if (this.follow.checked && isElsewhere) this.inTurn(() => this.restart(this.log.attempt));
    else this.toEnd();
  };

  // Scrolling up stops the following, scrolling down to the end takes it up again.
  scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = this.pre;
    if (!clientHeight || this.log.hasAfter) return;
    const wasFollowing = this.follow.checked;
    this.follow.checked = scrollHeight - scrollTop - clientHeight < NEAR_END;
    if (this.follow.checked && !wasFollowing) this.resume();
  };
}

customElements.define("run-log", RunLog);
