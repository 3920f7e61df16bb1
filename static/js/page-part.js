// A part of a page that stays itself while what it shows is fetched again: an element that was
// replaced would forget what it was told during the fetch.

async function render(url, id) {
  const headers = { "HX-Request": "true", "HX-Target": id };
  const answer = await fetch(url, { headers, redirect: "error" });
  if (!answer.ok) throw new Error(`${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const part = page.getElementById(id);
  if (!part) throw new Error(`no #${id} in ${url}`);
  return part;
}

// Gives `element` the content and the attributes that the hub gives it now, at its data-url, and
// says "part-refreshed". The keyboard stays where it was, on what has an id, and what a person has
// folded out stays so.
export async function refreshPart(element) {
  const part = await render(element.dataset.url, element.id);
  if (!element.isConnected) return;
  for (const { name, value } of part.attributes) element.setAttribute(name, value);
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  const folds = [...element.querySelectorAll("details[id]")].map(({ id, open }) => [id, open]);
  element.replaceChildren(...part.childNodes);
  for (const [id, open] of folds) {
    const details = document.getElementById(id);
    if (details) details.open = open;
  }
  if (focused) document.getElementById(focused)?.focus();
  htmx.process(element);
  element.dispatchEvent(new CustomEvent("part-refreshed", { bubbles: true }));
}
