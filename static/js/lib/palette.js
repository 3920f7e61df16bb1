// Which colour and dash a curve gets: eight colours from tokens.css, then the same ones dashed.
const COLOURS = 8;
const DASHES = ["solid", "dash", "dot"];

export function seriesStyle(index) {
  return {
    colour: `--series-${(index % COLOURS) + 1}`,
    dash: DASHES[Math.floor(index / COLOURS) % DASHES.length],
  };
}
