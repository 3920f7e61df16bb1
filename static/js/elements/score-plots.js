// A plot for each task of the board: what the versions scored. The table above says the same.
import { gettext } from "../lib/i18n.js";
import { scores } from "../lib/scores.js";
import { Plot } from "../plot.js";

class ScorePlots extends HTMLElement {
  connectedCallback() {
    const data = JSON.parse(document.getElementById(this.dataset.of).textContent);
    this.plots = [...this.querySelectorAll("[data-plot]")].map((root, place) => {
      const { task, measure, is_share: isShare, points } = data[place];
      const plot = new Plot(root, { picture: scores });
      plot.update({
        points,
        isShare,
        xTitle: gettext("Version"),
        yTitle: measure,
        label: `${task}: ${points.map(({ version, text }) => `v${version} ${text}`).join(", ")}`,
      });
      return plot;
    });
  }

  disconnectedCallback() {
    for (const plot of this.plots) plot.destroy();
  }
}

customElements.define("score-plots", ScorePlots);
