// One crosshair over all plots of a page, and beside it the values of all curves at that place.
// The mouse moves it, the arrow keys too; a click or Enter holds it, Escape lets it go.
import { element } from "./element.js";
import { figure } from "./lib/format.js";
import { format, gettext, locale, ngettext } from "./lib/i18n.js";
import { neighbour, readout } from "./lib/readout.js";
import { kindName } from "./lib/traces.js";

// Of the width of a plot: so far from the crosshair a mark is still told.
const NEAR = 0.012;
// A curve that ended so much of the width ago is not told.
const PASSED = 0.02;
const STRIDE = 10;

const SVG = "http://www.w3.org/2000/svg";

export class Crosshair {
  #x = null;
  #card = null;
  #isHeld = false;
  #panel = document.createElement("div");
  #lines = new Map();

  // `viewOf()` is the page's view. onZoom({from, to} or null) is asked by the keyboard.
  constructor(host, grid, viewOf, { onZoom = () => {}, addTo = () => {} } = {}) {
    Object.assign(this, { host, grid, viewOf, onZoom, addTo });
    this.#panel.className = "readout";
    host.addEventListener("pointermove", this.#move);
    host.addEventListener("pointerout", this.#leave);
    host.addEventListener("click", this.#click);
    host.addEventListener("keydown", this.#key);
    host.addEventListener("focusout", this.#blur);
  }

  close() {
    this.host.removeEventListener("pointermove", this.#move);
    this.host.removeEventListener("pointerout", this.#leave);
    this.host.removeEventListener("click", this.#click);
    this.host.removeEventListener("keydown", this.#key);
    this.host.removeEventListener("focusout", this.#blur);
    this.#panel.remove();
  }

  // A plot was drawn anew: what is told of it may be another value.
  drawn(key) {
    if (this.#x === null) return;
    const card = this.grid.card(key);
    this.#stand(card);
    if (card === this.#card) this.#tell();
  }

  hide() {
    this.#x = null;
    this.#isHeld = false;
    this.#card = null;
    this.#panel.remove();
    for (const line of this.#lines.values()) line.hidden = true;
  }

  #move = (event) => {
    if (this.#isHeld || event.pointerType === "touch") return;
    const card = this.#cardAt(event);
    if (card) this.#show(card, card.plot.valueOf(pixel(card, event)));
  };

  #leave = (event) => {
    if (!this.#isHeld && !this.grid.cardAround(event.relatedTarget ?? document.body)) this.hide();
  };

  #click = (event) => {
    const card = this.#cardAt(event);
    if (!card) return;
    const x = card.plot.valueOf(pixel(card, event));
    if (x === null) return;
    if (this.#isHeld && card === this.#card) {
      this.hide();
      return;
    }
    this.#isHeld = true;
    this.#show(card, x);
  };

  #blur = (event) => {
    if (this.#isHeld || this.host.contains(event.relatedTarget)) return;
    this.hide();
  };

  #key = (event) => {
    const card = event.target.matches?.(".plot-frame") ? this.grid.cardAround(event.target) : null;
    if (event.key === "Escape" && this.#x !== null) {
      this.hide();
      return;
    }
    if (!card?.plot.content || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.#keyed(card, event)) event.preventDefault();
  };

  #keyed(card, { key, shiftKey }) {
    const range = card.plot.xRange;
    if (key === "ArrowRight" || key === "ArrowLeft") {
      this.#step(card, key === "ArrowRight" ? 1 : -1, shiftKey ? STRIDE : 1);
    } else if (key === "Home" || key === "End") {
      this.#show(card, key === "Home" ? range[0] : range[1]);
      this.#step(card, key === "Home" ? 1 : -1, 1);
    } else if (key === "Enter" && this.#x !== null) {
      this.#isHeld = !this.#isHeld;
      this.#tell();
    } else if (key === "+" || key === "-") {
      this.onZoom(zoomed(range, this.#x ?? (range[0] + range[1]) / 2, key === "+" ? 0.5 : 2));
    } else if (key === "0") {
      this.onZoom(null);
    } else return false;
    return true;
  }

  #step(card, direction, times) {
    const { lines } = card.plot.content;
    const [from, to] = card.plot.xRange;
    let x = this.#x ?? (direction > 0 ? from : to);
    for (let left = times; left; left -= 1) x = neighbour(lines, x, direction) ?? x;
    this.#show(card, Math.min(to, Math.max(from, x)));
  }

  #cardAt(event) {
    if (event.target.closest?.(".readout, .chart-menu, .chart-head, .modebar, .legend")) return null;
    const card = event.target.closest?.(".plot-frame") && this.grid.cardAround(event.target);
    return card?.plot.content ? card : null;
  }

  #show(card, x) {
    if (x === null) {
      if (!this.#isHeld) this.hide();
      return;
    }
    this.#x = x;
    this.#card = card;
    for (const other of this.grid.cards) this.#stand(other);
    this.#tell();
  }

  // The vertical line of a plot.
  #stand(card) {
    const pixels = card.plot.isVisible ? card.plot.pixelOf(this.#x) : null;
    let line = this.#lines.get(card);
    if (!line && pixels === null) return;
    if (!line?.isConnected) {
      line = document.createElement("div");
      line.className = "crosshair";
      card.frame.append(line);
      this.#lines.set(card, line);
    }
    line.hidden = pixels === null;
    line.style.transform = `translateX(${pixels}px)`;
  }

  #tell() {
    const { plot, frame } = this.#card;
    const [from, to] = plot.xRange;
    const { rows, more } = readout(plot.content.lines, this.#x, (to - from) * PASSED);
    const marks = plot.content.marks.filter(({ x }) => Math.abs(x - this.#x) <= (to - from) * NEAR);
    this.#panel.replaceChildren(
      head(this.#x, plot.content, this.viewOf()),
      list(rows, more),
      ...marks.slice(0, 6).map(marked),
    );
    this.#panel.classList.toggle("held", this.#isHeld);
    this.#panel.setAttribute("role", "status");
    if (this.#isHeld) this.addTo(this.#panel, { lines: told(rows, plot.content), marks, x: this.#x, stepOf });
    if (this.#panel.parentElement !== frame) frame.append(this.#panel);
    this.#place(plot, frame);
  }

  // Beside the line, on the side where there is room.
  #place(plot, frame) {
    const at = plot.pixelOf(this.#x) ?? 0;
    const width = this.#panel.offsetWidth;
    const isRight = at + width + 12 < frame.offsetWidth;
    const left = isRight ? at + 12 : Math.max(0, at - width - 12);
    this.#panel.style.transform = `translateX(${Math.round(left)}px)`;
  }
}

// The lines that the readout tells, the largest value first.
const told = (rows, { lines }) => rows.map(({ id }) => lines.find((line) => line.id === id));
const stepOf = (line, x) => Math.round(line.stepOf(x));

const pixel = (card, event) => event.clientX - card.root.getBoundingClientRect().left;

function zoomed([from, to], x, factor) {
  const at = Math.min(to, Math.max(from, x));
  return [at - (at - from) * factor, at + (to - at) * factor];
}

function head(x, content, view) {
  return element("p", "readout-head", `${content.xTitle}: ${placeText(x, content, view)}`);
}

function placeText(x, { divisor }, { x: axis }) {
  if (axis === "wall") return new Date(x).toLocaleString(locale());
  if (axis === "step") return Math.round(x).toLocaleString(locale());
  return figure(x / divisor);
}

function list(rows, more) {
  if (!rows.length) return element("p", "muted", gettext("No curve has a value here."));
  const items = rows.map(({ name, y, colour, dash }) =>
    element("li", "", swatch(colour, dash), element("span", "truncate", name), element("b", "", figure(y))),
  );
  if (more) {
    const text = format(ngettext("{n} more", "{n} more", more), { n: more.toLocaleString(locale()) });
    items.push(element("li", "muted", text));
  }
  return element("ul", "", ...items);
}

export function swatch(colour, dash) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 8");
  svg.setAttribute("width", 18);
  svg.setAttribute("height", 6);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", "M1 4h22");
  path.style.stroke = `var(${colour})`;
  path.classList.add(`line-${dash}`);
  svg.append(path);
  return svg;
}

function marked({ kind, step, name, text }) {
  const place = format(gettext("{kind}, step {step}"), { kind: kindName(kind), step: step.toLocaleString(locale()) });
  return element("p", `readout-mark ${kind}`, element("b", "", place), ` ${text ?? name}`);
}
