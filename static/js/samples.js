// Which prompt and which steps of the samples a person chose stays in the address of the page.
import { withChoice } from "./lib/view.js";

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  // By now another element has taken the place of the one that asked.
  if (!detail.successful || !detail.requestConfig.elt.closest(".samples-head")) return;
  const { search } = new URL(detail.pathInfo.finalRequestPath, location.href);
  const query = withChoice(location.search, search, ["prompt", "step"]);
  history.replaceState(null, "", `${location.pathname}?${query}${location.hash}`);
});
