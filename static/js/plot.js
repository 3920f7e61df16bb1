// A plotly chart that follows the page: its theme, its size, its language, and no faster than it paints.
import { axis } from "./lib/axes.js";
import { locale } from "./lib/i18n.js";
import { linesTraces, markTraces, oddTrace } from "./lib/traces.js";

// Longer than this in one frame, and scrolling would stutter: the rest waits for the next one.
const FRAME_MS = 20;
// A plot that takes longer than this to draw rests so many times as long before it follows what
// comes live: else a page of many busy runs would do nothing but draw.
const CHEAP_MS = 40;
const REST = 6;

const waiting = new Set();
let nextFrame = null;

// plotly is large: the page does not wait for it, and its plots do.
const hasPlotly = () => typeof Plotly !== "undefined";

const nextTime = () => {
  nextFrame ??= requestAnimationFrame(drawWaiting);
};

if (!hasPlotly()) document.getElementById("plotly")?.addEventListener("load", nextTime);

function schedule(plot) {
  waiting.add(plot);
  if (hasPlotly()) nextTime();
  else plot.ask();
}

function drawWaiting(start) {
  nextFrame = null;
  for (const plot of waiting) {
    if (plot.rests) continue;
    waiting.delete(plot);
    plot.drawNow();
    if (performance.now() - start > FRAME_MS) break;
  }
  if (waiting.size) nextTime();
}

// The value of a colour token in the theme of the moment.
function colour(probe, token) {
  probe.style.color = `var(${token})`;
  return getComputedStyle(probe).color;
}

function separators() {
  const parts = new Intl.NumberFormat(locale()).formatToParts(12345.6);
  const of = (type, otherwise) => parts.find((part) => part.type === type)?.value ?? otherwise;
  return of("decimal", ".") + of("group", " ");
}

const touch = matchMedia("(pointer: coarse)");

const CONFIG = {
  // Without a mouse nothing hovers, and the buttons would lie over the curves for good.
  displayModeBar: touch.matches ? false : "hover",
  displaylogo: false,
  modeBarButtons: [["zoom2d", "pan2d"]],
  // A double click shows everything again, in all plots of the page: said by "plotly_doubleclick".
  doubleClick: false,
  showTips: false,
  // Would ask another server; our Content-Security-Policy forbids it anyway.
  showSendToCloud: false,
};

const dark = matchMedia("(prefers-color-scheme: dark)");

// From zero to the last point, the same in every chart of a page, whether lines or marks are drawn.
function reach(last) {
  const right = last * 1.02;
  return { include: [0, right], clipmin: 0, clipmax: right };
}

// What the layout of every chart has in common.
function shared(theme) {
  return {
    autosize: true,
    // The buttons stand above the curves, beside the card's title.
    margin: { l: 48, r: 14, t: 34, b: 40 },
    paper_bgcolor: "transparent",
    plot_bgcolor: "transparent",
    font: { family: theme.font, size: 12, color: theme.muted },
    separators: separators(),
    modebar: { bgcolor: "rgba(0, 0, 0, 0)", color: theme.muted, activecolor: theme.ink },
    hoverlabel: { bgcolor: theme.raised, bordercolor: theme.line, font: { color: theme.ink } },
  };
}

// The ends of an axis as plotly wants them: a logarithmic one in powers of ten.
const axisEnds = (range, isLog) => range.map((end) => (isLog ? Math.log10(end) : end));

function xAxis(theme, { xTitle, xKind, xRange, divisor, last, logX, revision }) {
  const isReaching = !logX && !xRange && xKind !== "date";
  return axis(theme, {
    title: xTitle,
    type: logX ? "log" : xKind,
    nticks: 7,
    uirevision: `${revision} ${xRange}`,
    ...(xRange && { range: axisEnds(xRange.map((end) => end / divisor), logX), autorange: false }),
    ...(isReaching && { autorangeoptions: reach(last) }),
  });
}

function yAxis(theme, { yTitle, yRange, logY, revision, resets }) {
  return axis(theme, {
    title: yTitle,
    type: logY ? "log" : "linear",
    nticks: 7,
    uirevision: `${revision} ${yRange} ${resets}`,
    ...(yRange && { range: axisEnds(yRange, logY), autorange: false }),
  });
}

function layout(theme, content, hasOdd) {
  return {
    // The page's own crosshair tells the values.
    hovermode: false,
    dragmode: touch.matches ? false : "zoom",
    // What a person moved stays through redraws, until the axes mean something else.
    uirevision: content.revision,
    showlegend: Boolean(content.legend),
    legend: {
      x: 1,
      xanchor: "right",
      y: 1,
      bgcolor: theme.veil,
      tracegroupgap: 0,
      font: { color: theme.ink },
    },
    xaxis: xAxis(theme, content),
    yaxis: yAxis(theme, content),
    ...(hasOdd && {
      yaxis2: { overlaying: "y", range: [0, 1.02], visible: false, fixedrange: true },
    }),
  };
}

// A kind of chart: {traces, layout} of a content, in the theme of the moment; `shade(token)` is the
// value of a colour. This one draws `lines` (of lib/curves.js) and `marks` upon them, with label,
// xTitle, xKind, xRange, yTitle, yRange, last, divisor, logX, logY, legend, apart and revision.
export function curves(content, theme, shade) {
  const { lines, marks = [], divisor, envelope, logY, legend, apart } = content;
  const odd = oddTrace(lines, { shade, divisor });
  const traces = [
    ...linesTraces(lines, { shade, divisor, envelope, isLog: logY, legend, apart }),
    ...markTraces(marks, { shade, divisor }),
    ...(odd ? [odd] : []),
  ];
  return { traces, layout: layout(theme, content, odd !== null) };
}

export class Plot {
  #root;
  #picture;
  #probe = document.createElement("span");
  #make = null;
  #visible = false;
  #dirty = false;
  #restsUntil = 0;
  #seen = new IntersectionObserver(([entry]) => this.#see(entry.isIntersecting), {
    rootMargin: "200px",
  });
  #sized = new ResizeObserver(() => this.#resize());
  #redraw = () => this.update(this.#make);
  content = null;

  constructor(root, { onDrawn = () => {}, onZoom = null, picture = curves } = {}) {
    this.#root = root;
    this.#picture = picture;
    this.onDrawn = onDrawn;
    this.onZoom = onZoom;
    this.#probe.hidden = true;
    root.after(this.#probe);
    this.#seen.observe(root);
    this.#sized.observe(root);
    document.addEventListener("theme-changed", this.#redraw);
    dark.addEventListener("change", this.#redraw);
  }

  get isVisible() {
    return this.#visible;
  }

  get rests() {
    return performance.now() < this.#restsUntil;
  }

  get width() {
    return this.#root.offsetWidth;
  }

  // `make`: the content, or a function that is asked for it (null: nothing to draw yet) with the
  // next frame in which the chart can be seen. A content has a `label` for who does not see it.
  // `isLive`: nobody waits for it.
  update(make, isLive = false) {
    this.#make = make;
    this.#dirty = make !== null;
    if (!isLive) this.#restsUntil = 0;
    if (this.#dirty && this.#visible) schedule(this);
  }

  // Has what the plot needs fetched.
  ask() {
    if (typeof this.#make === "function") this.#make();
  }

  drawNow() {
    if (!this.#dirty || !this.#root.isConnected) return;
    this.#dirty = false;
    const start = performance.now();
    const content = typeof this.#make === "function" ? this.#make() : this.#make;
    if (!content) return;
    this.content = content;
    const { traces, layout } = this.picture(content);
    this.#root.setAttribute("aria-label", content.label);
    Plotly.react(this.#root, traces, layout, CONFIG);
    this.#listen();
    this.onDrawn(content, traces);
    const took = performance.now() - start;
    this.#restsUntil = took > CHEAP_MS ? performance.now() + REST * took : 0;
  }

  // {traces, layout} as plotly takes them, in the theme of the moment.
  picture(content) {
    const theme = this.#theme();
    const shade = (token) => colour(this.#probe, token);
    const { traces, layout } = this.#picture(content, theme, shade);
    return { traces, layout: { ...shared(theme), ...layout } };
  }

  // Where x of the data is, in pixels from the chart's left edge; null outside of what is drawn.
  pixelOf(x) {
    const drawn = this.#xAxis();
    if (!drawn) return null;
    const { divisor, logX } = this.content;
    const at = drawn.l2p(logX ? Math.log10(x / divisor) : x / divisor);
    return at >= 0 && at <= drawn._length ? drawn._offset + at : null;
  }

  // The reverse; null outside of the plot's frame.
  valueOf(pixel) {
    const drawn = this.#xAxis();
    if (!drawn) return null;
    const at = pixel - drawn._offset;
    if (at < 0 || at > drawn._length) return null;
    const { divisor, logX } = this.content;
    const value = drawn.p2l(at);
    return (logX ? 10 ** value : value) * divisor;
  }

  // [left, right] of what is drawn, in the data's x.
  get xRange() {
    const drawn = this.#xAxis();
    return drawn && [this.valueOf(drawn._offset), this.valueOf(drawn._offset + drawn._length)];
  }

  destroy() {
    waiting.delete(this);
    this.#seen.disconnect();
    this.#sized.disconnect();
    document.removeEventListener("theme-changed", this.#redraw);
    dark.removeEventListener("change", this.#redraw);
    this.#probe.remove();
    if (hasPlotly()) Plotly.purge(this.#root);
  }

  #xAxis() {
    return this.content && this.#root._fullLayout?.xaxis;
  }

  #listen() {
    if (this.isListening || !this.onZoom) return;
    this.isListening = true;
    this.#root.on("plotly_relayout", (change) => this.#zoomed(change));
    this.#root.on("plotly_doubleclick", () => this.onZoom({ x: null, y: null }));
  }

  // A person moved an axis: tells which part is shown now.
  #zoomed(change) {
    const { xaxis, yaxis } = this.#root._fullLayout;
    const { divisor, logX, logY } = this.content;
    const isMoved = (name) => Object.keys(change).some((key) => key.startsWith(`${name}.range`));
    // The ends of a logarithmic axis are powers of ten, those of a date are texts.
    const ends = (drawn, isLog) => drawn.range.map((end) => (isLog ? 10 ** end : drawn.r2l(end)));
    const zoom = {};
    if (isMoved("xaxis")) zoom.x = ends(xaxis, logX).map((end) => end * divisor);
    if (isMoved("yaxis")) zoom.y = ends(yaxis, logY);
    if (zoom.x || zoom.y) this.onZoom(zoom);
  }

  #theme() {
    const of = (token) => colour(this.#probe, token);
    return {
      ink: of("--ink"),
      muted: of("--ink-muted"),
      line: of("--line"),
      raised: of("--raised"),
      veil: of("--veil"),
      font: getComputedStyle(this.#root).fontFamily,
    };
  }

  #see(visible) {
    this.#visible = visible;
    if (visible && this.#dirty) schedule(this);
  }

  #resize() {
    if (this.#root.offsetWidth && this.#root.classList.contains("js-plotly-plot")) {
      Plotly.Plots.resize(this.#root);
    }
  }
}
