// Several pictures of one size as one, in at most two columns.
export function stacked(pictures, { width, height }) {
  if (pictures.length === 1) return { text: pictures[0], width, height };
  const columns = 2;
  const size = { width: columns * width, height: Math.ceil(pictures.length / columns) * height };
  const placed = pictures.map((text, at) => {
    const [x, y] = [(at % columns) * width, Math.floor(at / columns) * height];
    return inside(apart(text, `p${at}-`), x, y);
  });
  const head = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${size.width}" height="${size.height}">`;
  return { text: `${head}${placed.join("")}</svg>`, ...size };
}

// Names that clip paths and the like go by are of one picture only.
function apart(text, prefix) {
  return text
    .replaceAll(/\bid="([^"]+)"/g, `id="${prefix}$1"`)
    .replaceAll(/url\((['"]|&quot;)?[^#()]*#([^'")&]+)(['"]|&quot;)?\)/g, `url(#${prefix}$2)`)
    .replaceAll(/xlink:href="#([^"]+)"/g, `xlink:href="#${prefix}$1"`);
}

const inside = (text, x, y) => text.replace(/<svg\b/, `<svg x="${x}" y="${y}"`);
