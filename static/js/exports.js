// Charts as files: pictures made here by plotly, points made by the hub.
import { escaped } from "./lib/traces.js";
import { stacked } from "./lib/stacked.js";

const WIDTH = 960;
const HEIGHT = 540;
// A picture is wider than a plot: the hub is asked for more, and has so many times to answer.
const TRIES = 40;
const TRY_MS = 250;

export class Exports {
  constructor(page) {
    this.page = page;
    page.host.addEventListener("click", this.#click);
  }

  close() {
    this.page.host.removeEventListener("click", this.#click);
  }

  #click = (event) => {
    const button = event.target.closest("[data-export]");
    if (!button) return;
    const menu = button.closest("details");
    if (menu) menu.open = false;
    const card = this.page.grid.cardAround(button);
    const charts = card ? this.page.charts.filter(({ key }) => key === card.key) : this.page.shown;
    this.#save(button.dataset.export, charts);
  };

  #save(kind, charts) {
    if (!charts.length) return;
    if (kind === "csv" || kind === "parquet") location.assign(this.#pointsUrl(kind, charts));
    else this.#savePicture(kind, charts);
  }

  #pointsUrl(kind, charts) {
    const url = new URL(`/compare/points.${kind}`, location.href);
    url.searchParams.set("runs", this.page.shownRuns.join(","));
    for (const { names } of charts) for (const name of names) url.searchParams.append("name", name);
    const { zoom, x } = this.page.view;
    if (!zoom || x !== "step") return url;
    const steps = { from: Math.max(0, Math.floor(zoom[0])), to: Math.max(0, Math.ceil(zoom[1])) };
    for (const [end, step] of Object.entries(steps)) url.searchParams.set(end, step);
    return url;
  }

  async #savePicture(kind, charts) {
    const pictures = [];
    for (const chart of charts) {
      const picture = await this.#svg(chart);
      if (picture) pictures.push(picture);
    }
    if (!pictures.length) return;
    const svg = stacked(pictures, { width: WIDTH, height: HEIGHT });
    const name = charts.length === 1 ? charts[0].key.replaceAll("/", "-") : "llmhub";
    if (kind === "svg") save(new Blob([svg.text], { type: "image/svg+xml" }), `${name}.svg`);
    else save(await painted(svg), `${name}.png`);
  }

  async #contentOf(chart) {
    for (let tries = 0; tries < TRIES; tries += 1) {
      const content = this.page.contentOf(chart, WIDTH, true);
      if (content) return content;
      await new Promise((resolve) => setTimeout(resolve, TRY_MS));
    }
    return null;
  }

  // Each curve by itself, with its name: a picture has no page around it.
  async #svg(chart) {
    const content = await this.#contentOf(chart);
    const card = this.page.grid.card(chart.key);
    if (!content || !card) return null;
    const { traces, layout } = card.plot.picture(content);
    const title = { text: escaped(content.title), font: { size: 15 } };
    const surface = getComputedStyle(card.section).backgroundColor;
    const legend = { ...layout.legend, x: 1.01, xanchor: "left", bgcolor: "rgba(0, 0, 0, 0)" };
    const paper = { paper_bgcolor: surface, plot_bgcolor: surface, width: WIDTH, height: HEIGHT, autosize: false };
    const figure = {
      data: traces,
      layout: { ...layout, ...paper, title, legend, margin: { l: 60, r: 20, t: 48, b: 48 } },
    };
    const url = await Plotly.toImage(figure, { format: "svg", width: WIDTH, height: HEIGHT });
    return decodeURIComponent(url.slice(url.indexOf(",") + 1));
  }
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function painted({ text, width, height }) {
  const url = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  const image = new Image();
  image.src = url;
  await image.decode();
  URL.revokeObjectURL(url);
  const canvas = document.createElement("canvas");
  const scale = Math.min(2, Math.sqrt(100_000_000 / (width * height)));
  [canvas.width, canvas.height] = [width * scale, height * scale];
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  context.drawImage(image, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
