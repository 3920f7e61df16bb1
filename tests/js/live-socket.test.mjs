import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { ANSWER_MS, LiveSocket, REJOIN_MS } from "../../static/js/lib/live-socket.js";

const OPEN = 1;
const CLOSED = 3;

// The hub's end of the connections a page opens, one after the other.
class Server {
  frames = [];
  sockets = [];

  open = () => {
    const socket = {
      readyState: 0,
      send: (text) => this.frames.push(JSON.parse(text)),
      close: () => (socket.readyState = CLOSED),
    };
    this.sockets.push(socket);
    return socket;
  };

  get socket() {
    return this.sockets.at(-1);
  }

  accept() {
    this.socket.readyState = OPEN;
    this.socket.onopen();
  }

  cut() {
    this.socket.readyState = CLOSED;
    this.socket.onclose();
  }

  tell(message) {
    this.socket.onmessage({ data: JSON.stringify(message) });
  }

  // Answers the frames that were not answered yet.
  answer(refused = []) {
    for (const { type, topics } of this.frames.splice(0)) {
      const joined = topics.filter((topic) => !refused.includes(topic));
      const denied = topics.filter((topic) => refused.includes(topic));
      if (type === "watch") this.tell({ type: "watching", topics: joined, refused: denied });
    }
  }
}

function page(context) {
  mock.timers.enable({ apis: ["setTimeout"] });
  context.after(() => mock.timers.reset());
  const server = new Server();
  const live = new LiveSocket(server.open);
  return { server, live };
}

function watcher(live, ...topics) {
  const heard = [];
  const one = {
    topics: new Set(topics),
    handler: (message) => heard.push(message.type),
    onState: (state) => heard.push(state),
    onRejoined: () => heard.push("rejoined"),
  };
  live.add(one);
  return { one, heard };
}

test("watchers that come together are joined with one frame", (context) => {
  const { server, live } = page(context);
  const [first, second] = [watcher(live, "run.1"), watcher(live, "run.1", "project.1")];
  server.accept();
  assert.deepEqual(server.frames, [{ type: "watch", topics: ["run.1", "project.1"] }]);
  server.answer();
  assert.deepEqual([first.heard, second.heard], [["live"], ["live"]]);
});

test("a watcher that comes later wakes nobody else on its topic", (context) => {
  const { server, live } = page(context);
  const first = watcher(live, "run.1");
  server.accept();
  server.answer();
  const second = watcher(live, "run.1");
  server.answer();
  assert.deepEqual([first.heard, second.heard], [["live"], ["live"]]);
});

test("a connection that came back is news to everyone", (context) => {
  const { server, live } = page(context);
  const all = [watcher(live, "run.1"), watcher(live, "run.2")];
  server.accept();
  server.answer();
  server.cut();
  mock.timers.tick(1000);
  server.accept();
  server.answer();
  for (const { heard } of all) assert.deepEqual(heard, ["live", "offline", "live"]);
});

test("joining again is told apart from a connection that came back", (context) => {
  const { server, live } = page(context);
  const { heard } = watcher(live, "run.1");
  server.accept();
  server.answer();
  mock.timers.tick(REJOIN_MS);
  assert.deepEqual(server.frames, [{ type: "watch", topics: ["run.1"] }]);
  server.answer();
  assert.deepEqual(heard, ["live", "rejoined"]);
  mock.timers.tick(REJOIN_MS - 1);
  assert.deepEqual(server.frames, []);
});

test("a connection that does not answer is given up for another", (context) => {
  const { server, live } = page(context);
  const { heard } = watcher(live, "run.1");
  server.accept();
  server.answer();
  live.hurry();
  mock.timers.tick(ANSWER_MS);
  assert.deepEqual(heard, ["live", "offline"]);
  mock.timers.tick(1000);
  assert.equal(server.sockets.length, 2);
});

test("a watcher hears of its topics only, and of nothing once it is gone", (context) => {
  const { server, live } = page(context);
  const [first, second] = [watcher(live, "run.1"), watcher(live, "run.2")];
  server.accept();
  server.answer();
  server.tell({ type: "run", topic: "run.1" });
  live.remove(first.one);
  assert.deepEqual(server.frames, [{ type: "unwatch", topics: ["run.1"] }]);
  server.tell({ type: "run", topic: "run.1" });
  assert.deepEqual([first.heard, second.heard], [["live", "run"], ["live"]]);
});

test("a topic that somebody still watches is kept", (context) => {
  const { server, live } = page(context);
  const [first] = [watcher(live, "run.1"), watcher(live, "run.1")];
  server.accept();
  server.answer();
  live.remove(first.one);
  assert.deepEqual(server.frames, []);
});

test("a right that ended is told once, and its return too", (context) => {
  const { server, live } = page(context);
  const [lost, kept] = [watcher(live, "run.1"), watcher(live, "run.2")];
  server.accept();
  server.answer();
  server.tell({ type: "watching", topics: [], refused: ["run.1"] });
  live.hurry();
  server.answer(["run.1"]);
  assert.deepEqual(lost.heard, ["live", "refused"]);
  live.hurry();
  server.answer();
  assert.deepEqual(lost.heard, ["live", "refused", "live"]);
  assert.deepEqual(kept.heard, ["live", "rejoined", "rejoined"]);
});
