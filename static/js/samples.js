// Which prompt and which steps of the samples a person chose stays in the address of the page.
import { withChoice } from "./lib/view.js";

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.successful || !detail.elt.closest(".samples-head")) return;
  const { search } = new URL(detail.pathInfo.finalRequestPath, location.href);
  const query = withChoice(location.search, search, ["prompt", "step"]);
  history.replaceState(null, "", `${location.pathname}?${query}${location.hash}`);
});
