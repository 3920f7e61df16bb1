// The curves of a page, of one run or of many: what is asked of the hub, what each plot shows, and
// what all plots share: the zoom, the crosshair, the address.
import { ChartGrid } from "./chart-grid.js";
import { Crosshair } from "./crosshair.js";
import { Exports } from "./exports.js";
import { matching } from "./lib/charts.js";
import { axisMetric } from "./lib/curves.js";
import { pictureOf } from "./lib/picture.js";
import { changed, readView, writeView } from "./lib/view.js";
import { namesOf, WindowStore } from "./lib/window-store.js";
import { watch } from "./live.js";
import { loadWindow } from "./windows.js";

// Without a websocket pages still move, slowly.
const POLL_MS = 5_000;

export class CurvePage {
  #timer = null;
  #contents = new Map();

  // `host`: the element around controls and charts. `runs`: their ids; `names`: the metrics that are
  // known of them; chartsOf(names) and curvesOf(chart) say what is drawn; `more`: what a picture
  // needs besides (groups, marks, styles).
  constructor(host, { runs, names, titles, chartsOf, curvesOf, more = () => ({}), notes, onConnection, onDrawn, onNews }) {
    Object.assign(this, { host, runs, chartsOf, curvesOf, more, onConnection });
    this.onDrawn = onDrawn ?? (() => {});
    this.onNews = onNews ?? (() => {});
    this.names = new Set(names);
    this.view = readView(location.search);
    this.state = "connecting";
    this.store = new WindowStore({
      runs,
      load: loadWindow,
      onChange: (name, isLive) => this.#redraw(name, isLive),
      onFailed: (error) => error.isGone && this.#become("refused"),
      later: (work, wait) => setTimeout(work, wait),
    });
    this.grid = new ChartGrid(host.querySelector("[data-charts]"), titles, {
      onDrawn: (key, content) => this.#drawn(key, content),
      onZoom: (key, zoom) => this.#zoom(key, zoom),
    });
    this.crosshair = new Crosshair(host, this.grid, () => this.view, {
      onZoom: (zoom) => this.change({ zoom, ...(zoom === null && { zoomY: null }) }),
      addTo: (panel, told) => notes?.addTo?.(panel, told),
    });
    this.exports = new Exports(this);
    this.#follow();
    host.addEventListener("view-changed", this.#viewChanged);
    this.draw();
  }

  close() {
    clearInterval(this.#timer);
    this.stop();
    this.host.removeEventListener("view-changed", this.#viewChanged);
    this.crosshair.close();
    this.exports.close();
    this.store.close();
    this.grid.destroy();
  }

  // Another view: in the address, in the controls, in the plots.
  change(change) {
    this.view = changed(this.view, change);
    const query = writeView(location.search, this.view);
    history.replaceState(null, "", `${location.pathname}${query && `?${query}`}${location.hash}`);
    this.host.dispatchEvent(new CustomEvent("view-shown", { detail: this.view }));
    this.draw();
  }

  draw() {
    this.charts = this.chartsOf([...this.names]);
    this.shown = matching(this.charts, this.view.filter, (key) => this.grid.titleOf(key));
    this.grid.draw(this.shown, this.#contentOf);
    const detail = { all: this.charts, shown: this.shown };
    this.host.dispatchEvent(new CustomEvent("charts-shown", { detail }));
  }

  // The runs whose curves are not hidden.
  get shownRuns() {
    return this.runs.filter((run) => !this.view.hidden.has(String(run)));
  }

  // What a chart shows of all that is known, as for its plot, or drawn apart for a picture.
  contentOf(chart, width, apart = false) {
    return pictureOf({
      chart,
      described: this.grid.titleOf(chart.key),
      curves: this.curvesOf(chart),
      view: this.view,
      store: this.store,
      width,
      apart,
      resets: this.resets,
      cache: this.#cacheOf(chart.key),
      ...this.more(chart),
    });
  }

  #viewChanged = (event) => this.change(event.detail);

  #contentOf = (chart, plot) => this.contentOf(chart, plot.width);

  #cacheOf(key) {
    if (!this.#contents.has(key)) this.#contents.set(key, new Map());
    return this.#contents.get(key);
  }

  #redraw(name, isLive) {
    const isX = name === axisMetric(this.view.x);
    for (const chart of this.charts) {
      if (isX || chart.names.includes(name)) this.grid.redraw(chart, this.#contentOf, isLive);
    }
  }

  #drawn(key, content) {
    this.crosshair.drawn(key);
    this.onDrawn(key, content);
  }

  #zoom(key, { x, y }) {
    const change = {};
    if (x !== undefined) change.zoom = x;
    if (y !== undefined && (this.view.sameY || y === null)) change.zoomY = y;
    if (y === null) {
      this.resets = (this.resets ?? 0) + 1;
      this.crosshair.hide();
    }
    this.change(change);
  }

  #follow() {
    const topics = this.runs.map((run) => `run.${run}`);
    this.#become("connecting");
    this.stop = topics.length
      ? watch(topics, (message) => this.#receive(message), {
          onState: (state, revisions) => this.#joined(state, revisions),
          onRejoined: (revisions) => this.#catchUp(revisions),
        })
      : () => {};
    this.#timer = setInterval(() => this.#poll(), POLL_MS);
  }

  #joined(state, revisions) {
    this.#become(state);
    if (state === "live") this.#catchUp(revisions);
  }

  // What came before we joined, or while the connection was down, is not told again.
  #catchUp(revisions) {
    this.store.joined(new Map(this.runs.map((run) => [run, revisions[`run.${run}`] ?? [0, 0]])));
  }

  #poll() {
    if (this.state !== "live" && document.visibilityState === "visible") this.store.expire();
  }

  #become(state) {
    if (state !== this.state) this.onConnection(state);
    this.state = state;
  }

  #receive(message) {
    if (message.type !== "points") {
      this.onNews(message);
      return;
    }
    const fresh = namesOf(message).filter((name) => !this.names.has(name));
    for (const name of fresh) this.names.add(name);
    this.store.message(message);
    this.onNews(message);
    if (fresh.length) this.draw();
  }
}
