// The sources of a mix as bars, drawn from the rows of its table, which says the same in words.
import { bars } from "../lib/bars.js";
import { compact, figure } from "../lib/format.js";
import { format, gettext } from "../lib/i18n.js";
import { Plot } from "../plot.js";

// What a chart needs besides its bars, and for each bar.
const EDGES_REM = 7.5;
const BAR_REM = 2.25;

const known = (value, write) => (value === null ? "" : write(value));

function read(row) {
  const number = (text) => (text && Number.isFinite(Number(text)) ? Number(text) : null);
  const { slot, available, planned, epochs } = row.dataset;
  return {
    slot,
    available: number(available),
    planned: number(planned),
    epochs: number(epochs),
    repeats: "repeats" in row.dataset,
  };
}

function tokens(sources) {
  const series = (name, key, colour) => ({
    name,
    values: sources.map((source) => source[key]),
    texts: sources.map((source) => known(source[key], compact)),
    colours: sources.map(() => colour),
  });
  return {
    xTitle: gettext("Tokens"),
    series: [
      series(gettext("Planned"), "planned", "--series-1"),
      series(gettext("Available"), "available", "--series-2"),
    ],
  };
}

function epochs(sources, limit) {
  return {
    xTitle: format(gettext("Epochs; the line stands at {limit}"), { limit }),
    limit,
    series: [
      {
        name: gettext("Epochs"),
        values: sources.map((source) => source.epochs),
        texts: sources.map((source) => known(source.epochs, figure)),
        colours: sources.map(({ repeats }) => (repeats ? "--warn" : "--series-3")),
      },
    ],
  };
}

class MixPlot extends HTMLElement {
  connectedCallback() {
    const table = document.getElementById(this.dataset.table);
    const sources = [...table.querySelectorAll("[data-slot]")].map(read);
    const names = sources.map(({ slot }) => slot);
    const contents = { tokens: tokens(sources), epochs: epochs(sources, Number(this.dataset.limit)) };
    this.plots = [...this.querySelectorAll("[data-plot]")].map((root) => {
      root.style.height = `${EDGES_REM + names.length * BAR_REM}rem`;
      const plot = new Plot(root, { picture: bars });
      plot.update({ ...contents[root.dataset.plot], names, label: root.getAttribute("aria-label") });
      return plot;
    });
  }

  disconnectedCallback() {
    for (const plot of this.plots) plot.destroy();
  }
}

customElements.define("mix-plot", MixPlot);
