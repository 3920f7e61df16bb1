// The page's one websocket to the hub, shared by everything on it. It says that something changed;
// whoever needs every change catches up over HTTP each time the topic is joined again.
import { Backoff } from "./lib/backoff.js";
import { CatchUp, Gone } from "./lib/catch-up.js";
import { RunStream } from "./lib/stream.js";

const PATH = "/ws/live/";
// Joining again proves that the connection lives, and that the hub still knows what we watch.
const REJOIN_MS = 45_000;
const ANSWER_MS = 10_000;
// Without a websocket pages still move, slowly.
const POLL_MS = 5_000;

class LiveSocket {
  #watchers = new Set();
  #socket = null;
  #backoff = new Backoff();
  #retry = null;
  #rejoin = null;
  #answer = null;

  constructor() {
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#hurry();
    });
  }

  add(watcher) {
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

  #isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  #topics() {
    return new Set([...this.#watchers].flatMap((watcher) => [...watcher.topics]));
  }

  #connect() {
    if (this.#socket || !this.#watchers.size) return;
    clearTimeout(this.#retry);
    const socket = new WebSocket(new URL(PATH, location.href.replace(/^http/, "ws")));
    this.#socket = socket;
    socket.onopen = () => this.#join([...this.#topics()]);
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    socket.onclose = () => socket === this.#socket && this.#lost();
  }

  #lost() {
    this.#forget();
    for (const watcher of this.#watchers) watcher.state("offline");
    if (this.#watchers.size) this.#retry = setTimeout(() => this.#connect(), this.#backoff.next());
  }

  #forget() {
    clearTimeout(this.#retry);
    clearTimeout(this.#answer);
    clearTimeout(this.#rejoin);
    this.#socket = null;
  }

  #close() {
    const socket = this.#socket;
    this.#forget();
    socket?.close();
  }

  // A connection that died in silence does not tell us; ask it, or open another.
  #hurry() {
    if (this.#isOpen()) this.#join([...this.#topics()]);
    else if (!this.#socket) this.#connect();
  }

  #join(topics) {
    this.#send({ type: "watch", topics });
    clearTimeout(this.#answer);
    this.#answer = setTimeout(() => {
      this.#socket?.close();
      this.#lost();
    }, ANSWER_MS);
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

  #joined({ topics, refused }) {
    clearTimeout(this.#answer);
    clearTimeout(this.#rejoin);
    this.#rejoin = setTimeout(() => this.#isOpen() && this.#join([...this.#topics()]), REJOIN_MS);
    this.#backoff.reset();
    const [joined, denied] = [new Set(topics), new Set(refused)];
    for (const watcher of this.#watchers) {
      if (!watcher.topics.isDisjointFrom(denied)) watcher.state("refused");
      else if (watcher.topics.isSubsetOf(joined)) watcher.state("live");
    }
  }
}

let shared = null;

// Calls handler(message) for each message on `topics` until the returned function is called.
// onState(state): "live" each time the topics are joined (catch up now), "offline", "refused".
export function watch(topics, handler, { onState = () => {} } = {}) {
  shared ??= new LiveSocket();
  const watcher = { topics: new Set(topics), handler, state: onState };
  shared.add(watcher);
  return () => shared.remove(watcher);
}

async function load(pointsUrl, names, cursor) {
  const url = new URL(pointsUrl, location.href);
  for (const [key, value] of Object.entries(cursor)) url.searchParams.set(key, value);
  if (names?.length) url.searchParams.set("names", names.join(","));
  const answer = await fetch(url, { headers: { Accept: "application/json" }, redirect: "manual" });
  const signedOut = answer.type === "opaqueredirect";
  if (signedOut || [401, 403, 404].includes(answer.status)) throw new Gone(answer.status);
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

// Follows one run: join, fetch, stream, and fetch again wherever something is missing.
// onPoints(stream, {changed, reset}) after each change; onMessage for everything but points;
// onConnection: "connecting", "live", "offline" or "refused". Returns {stream, close}.
export function openRun({
  runId,
  pointsUrl,
  names,
  onPoints,
  onMessage = () => {},
  onConnection = () => {},
}) {
  const stream = new RunStream({ names });
  let state = null;
  const become = (next) => {
    if (next !== state) onConnection(next);
    state = next;
  };
  const catchUp = new CatchUp(stream, (cursor) => load(pointsUrl, names, cursor), {
    onPoints,
    onGone: () => become("refused"),
  });
  const receive = (message) =>
    message.type === "points" ? catchUp.message(message) : onMessage(message);
  const onState = (next) => {
    become(next);
    if (next === "live") catchUp.now();
  };
  become("connecting");
  const stop = watch([`run.${runId}`], receive, { onState });
  catchUp.now();
  const poll = setInterval(() => {
    if (state !== "live" && document.visibilityState === "visible") catchUp.now();
  }, POLL_MS);
  const close = () => {
    clearInterval(poll);
    catchUp.close();
    stop();
  };
  return { stream, close };
}
