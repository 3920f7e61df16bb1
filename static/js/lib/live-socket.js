// One websocket for many watchers: joins their topics, hands out what happens there, and comes back
// by itself after it was lost.
import { Backoff } from "./backoff.js";

// Joining again proves that the connection lives, and that the hub still knows what we watch.
export const REJOIN_MS = 45_000;
export const ANSWER_MS = 10_000;
const OPEN = 1;

export class LiveSocket {
  #watchers = new Set();
  #socket = null;
  #backoff = new Backoff();
  #retry = null;
  #rejoin = null;
  #answer = null;
  #isRejoining = false;
  #isPaused = false;

  // `open()` returns a new WebSocket.
  constructor(open) {
    this.open = open;
  }

  // A watcher: {topics, handler, onState, onRejoined}. The last two are told what revisions the hub
  // has of the runs among the topics: {topic: [epoch, rev]}.
  add(watcher) {
    watcher.state = null;
    this.#watchers.add(watcher);
    if (this.#isOpen()) this.#join([...watcher.topics]);
    else this.#connect();
  }

  remove(watcher) {
    this.#watchers.delete(watcher);
    const left = this.#topics();
    const unused = [...watcher.topics].filter((topic) => !left.has(topic));
    if (this.#isOpen() && unused.length) this.#send({ type: "unwatch", topics: unused });
    if (!this.#watchers.size) this.#close();
  }

  // Says something else than what is watched; false where there is no connection to say it.
  tell(message) {
    if (!this.#isOpen()) return false;
    this.#send(message);
    return true;
  }

  // A connection that died in silence does not tell us; ask it, or open another.
  hurry() {
    if (this.#isOpen()) this.#joinAgain();
    else if (!this.#socket) this.#connect();
  }

  // Nobody looks: the hub need not tell us anything, and who comes back catches up.
  pause() {
    this.#isPaused = true;
    clearTimeout(this.#retry);
    this.#close();
    for (const watcher of [...this.#watchers]) become(watcher, "offline");
  }

  resume() {
    this.#isPaused = false;
    this.#connect();
  }

  #isOpen() {
    return this.#socket?.readyState === OPEN;
  }

  #topics() {
    return new Set([...this.#watchers].flatMap((watcher) => [...watcher.topics]));
  }

  #connect() {
    if (this.#socket || this.#isPaused || !this.#watchers.size) return;
    clearTimeout(this.#retry);
    const socket = this.open();
    this.#socket = socket;
    socket.onopen = () => this.#join([...this.#topics()]);
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    socket.onclose = () => socket === this.#socket && this.#lost();
  }

  #lost() {
    this.#forget();
    for (const watcher of [...this.#watchers]) become(watcher, "offline");
    if (this.#watchers.size) this.#retry = setTimeout(() => this.#connect(), this.#backoff.next());
  }

  #forget() {
    clearTimeout(this.#retry);
    clearTimeout(this.#answer);
    clearTimeout(this.#rejoin);
    this.#isRejoining = false;
    this.#socket = null;
  }

  #close() {
    const socket = this.#socket;
    this.#forget();
    socket?.close();
  }

  #join(topics) {
    this.#send({ type: "watch", topics });
    clearTimeout(this.#answer);
    this.#answer = setTimeout(() => {
      this.#socket?.close();
      this.#lost();
    }, ANSWER_MS);
  }

  #joinAgain() {
    this.#isRejoining = true;
    this.#join([...this.#topics()]);
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #receive(message) {
    if (message.type === "watching") this.#joined(message);
    for (const watcher of [...this.#watchers]) {
      if (watcher.topics.has(message.topic)) watcher.handler(message);
    }
  }

  #joined({ topics, refused, revisions = {} }) {
    clearTimeout(this.#answer);
    clearTimeout(this.#rejoin);
    this.#rejoin = setTimeout(() => this.#isOpen() && this.#joinAgain(), REJOIN_MS);
    this.#backoff.reset();
    const isRejoined = this.#isRejoining;
    this.#isRejoining = false;
    for (const watcher of [...this.#watchers]) {
      if (some(watcher.topics, refused)) become(watcher, "refused");
      else if (every(watcher.topics, topics)) this.#live(watcher, revisions, isRejoined);
    }
  }

  // Each answer names topics that others may have joined long before: only a change is news to them.
  #live(watcher, revisions, isRejoined) {
    if (watcher.state !== "live") become(watcher, "live", revisions);
    else if (isRejoined) watcher.onRejoined(revisions);
  }
}

function become(watcher, state, revisions) {
  if (watcher.state === state) return;
  watcher.state = state;
  watcher.onState(state, revisions);
}

const some = (topics, named) => named.some((topic) => topics.has(topic));
const every = (topics, named) => [...topics].every((topic) => named.includes(topic));
