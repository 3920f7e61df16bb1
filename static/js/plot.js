// A plotly chart that follows the page: its theme, its size, its language, and no faster than it paints.
import { axis } from "./lib/axes.js";
import { locale } from "./lib/i18n.js";
import { lineTrace, oddTrace } from "./lib/traces.js";

// Longer than this in one frame, and scrolling would stutter: the rest waits for the next one.
const FRAME_MS = 20;

const waiting = new Set();
let nextFrame = null;

function schedule(plot) {
  waiting.add(plot);
  nextFrame ??= requestAnimationFrame(drawWaiting);
}

function drawWaiting(start) {
  nextFrame = null;
  for (const plot of waiting) {
    waiting.delete(plot);
    plot.drawNow();
    if (performance.now() - start > FRAME_MS) break;
  }
  if (waiting.size) nextFrame = requestAnimationFrame(drawWaiting);
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
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  doubleClick: "reset",
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

function layout(theme, { xTitle, yTitle, last, logX, logY, legend, revision, hasOdd }) {
  return {
    hovermode: "x unified",
    dragmode: touch.matches ? false : "zoom",
    // Zoom and hidden curves stay through redraws, until the axes mean something else.
    uirevision: revision,
    showlegend: legend,
    legend: {
      x: 1,
      xanchor: "right",
      y: 1,
      bgcolor: theme.veil,
      tracegroupgap: 0,
      font: { color: theme.ink },
    },
    xaxis: axis(theme, {
      title: xTitle,
      type: logX ? "log" : "linear",
      nticks: 7,
      spikecolor: theme.muted,
      spikethickness: 1,
      ...(!logX && { autorangeoptions: reach(last) }),
    }),
    yaxis: axis(theme, { title: yTitle, type: logY ? "log" : "linear", nticks: 7 }),
    ...(hasOdd && {
      yaxis2: { overlaying: "y", range: [0, 1.02], visible: false, fixedrange: true },
    }),
  };
}

// A kind of chart: {traces, layout} of a content, in the theme of the moment; `shade(token)` is the
// value of a colour. This one draws curves of `lines`: [{id, name, x, y, colour, dash, divisor,
// hidden}] with label, xTitle, yTitle, last, logX, logY, legend and revision.
function curves(content, theme, shade) {
  const traces = content.lines
    .filter((line) => !line.hidden)
    .flatMap((line) => [lineTrace(line, shade(line.colour)), oddTrace(line, shade(line.colour))])
    .filter(Boolean);
  const hasOdd = traces.some((trace) => trace.yaxis === "y2");
  return { traces, layout: layout(theme, { ...content, hasOdd }) };
}

export class Plot {
  #root;
  #picture;
  #probe = document.createElement("span");
  #content = null;
  #visible = false;
  #dirty = false;
  #seen = new IntersectionObserver(([entry]) => this.#see(entry.isIntersecting), {
    rootMargin: "200px",
  });
  #sized = new ResizeObserver(() => this.#resize());
  #redraw = () => this.update(this.#content);

  constructor(root, { onDrawn = () => {}, picture = curves } = {}) {
    this.#root = root;
    this.#picture = picture;
    this.onDrawn = onDrawn;
    this.#probe.hidden = true;
    root.after(this.#probe);
    this.#seen.observe(root);
    this.#sized.observe(root);
    document.addEventListener("theme-changed", this.#redraw);
    dark.addEventListener("change", this.#redraw);
  }

  // `content`: what the picture is of, and its `label` for who does not see it. Drawn with the next
  // frame in which the chart can be seen.
  update(content) {
    this.#content = content;
    this.#dirty = content !== null;
    if (this.#dirty && this.#visible) schedule(this);
  }

  drawNow() {
    if (!this.#dirty || !this.#root.isConnected) return;
    this.#dirty = false;
    const theme = this.#theme();
    const shade = (token) => colour(this.#probe, token);
    const { traces, layout } = this.#picture(this.#content, theme, shade);
    this.#root.setAttribute("aria-label", this.#content.label);
    Plotly.react(this.#root, traces, { ...shared(theme), ...layout }, CONFIG);
    this.onDrawn(traces);
  }

  destroy() {
    waiting.delete(this);
    this.#seen.disconnect();
    this.#sized.disconnect();
    document.removeEventListener("theme-changed", this.#redraw);
    dark.removeEventListener("change", this.#redraw);
    this.#probe.remove();
    Plotly.purge(this.#root);
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
