// The page's one websocket to the hub, shared by everything on it. It says that something changed;
// whoever needs every change catches up over HTTP each time the topic is joined again.
import { CatchUp, Gone } from "./lib/catch-up.js";
import { LiveSocket } from "./lib/live-socket.js";
import { RunStream } from "./lib/stream.js";

const PATH = "/ws/live/";
// Without a websocket pages still move, slowly.
const POLL_MS = 5_000;

let shared = null;

function socketOfPage() {
  const url = new URL(PATH, location.href.replace(/^http/, "ws"));
  const live = new LiveSocket(() => new WebSocket(url));
  addEventListener("online", () => live.hurry());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") live.hurry();
  });
  return live;
}

// Calls handler(message) for each message on `topics` until the returned function is called.
// onState(state): "live" once the topics are joined (catch up now) and after each time they were
// not, "offline", "refused". onRejoined(): the hub was asked to go on and does; it may have
// forgotten us in between, so that whoever needs every change looks for what was lost.
export function watch(topics, handler, { onState = () => {}, onRejoined = () => {} } = {}) {
  shared ??= socketOfPage();
  const watcher = { topics: new Set(topics), handler, onState, onRejoined };
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
  const stop = watch([`run.${runId}`], receive, { onState, onRejoined: () => catchUp.now() });
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
