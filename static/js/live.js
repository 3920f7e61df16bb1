// The page's one websocket to the hub, shared by everything on it. It says that something changed;
// whoever needs every change catches up over HTTP each time the topic is joined again.
import { LiveSocket } from "./lib/live-socket.js";

const PATH = "/ws/live/";
// A page that is hidden for longer than a look elsewhere watches nothing.
const HIDDEN_MS = 5_000;

let shared = null;

function socketOfPage() {
  const url = new URL(PATH, location.href.replace(/^http/, "ws"));
  const live = new LiveSocket(() => new WebSocket(url));
  addEventListener("online", () => live.hurry());
  followVisibility(live);
  return live;
}

function followVisibility(live) {
  let leaving = null;
  let isPaused = false;
  const leave = () => {
    isPaused = true;
    live.pause();
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(leaving);
    if (document.visibilityState === "hidden") leaving = setTimeout(leave, HIDDEN_MS);
    else if (isPaused) live.resume();
    else live.hurry();
    if (document.visibilityState === "visible") isPaused = false;
  });
}

// Calls handler(message) for each message on `topics` until the returned function is called.
// onState(state, revisions): "live" once the topics are joined (catch up now) and after each time
// they were not, "offline", "refused". onRejoined(revisions): the hub was asked to go on and does; it
// may have forgotten us in between, so that whoever needs every change looks for what was lost.
// `revisions`: {topic of a run: [epoch, rev]} of its points.
export function watch(topics, handler, { onState = () => {}, onRejoined = () => {} } = {}) {
  shared ??= socketOfPage();
  const watcher = { topics: new Set(topics), handler, onState, onRejoined };
  shared.add(watcher);
  return () => shared.remove(watcher);
}
