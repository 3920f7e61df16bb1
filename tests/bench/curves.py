"""Pictures of the curves that `tests.bench.alignment` left, for the pages of docs/.

python -m tests.bench.curves FOLDER docs/screenshots
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from plotly.graph_objects import Figure, Scatter
from plotly.subplots import make_subplots

from llmhub.lib.metric_names import KNOWN
from tests.e2e import browser as browsers

CHARTS = {
    "sft": [["train/loss", "val/loss"], ["train/token_accuracy", "val/token_accuracy"]],
    "reward": [["train/loss", "val/loss"], ["train/accuracy", "val/accuracy"], ["val/margin"]],
    "dpo": [
        ["train/loss", "val/loss"],
        ["rewards/accuracy", "val/rewards/accuracy"],
        ["val/rewards/chosen", "val/rewards/rejected"],
    ],
    "ppo": [["ppo/reward"], ["ppo/kl"], ["ppo/kl_coef"], ["ppo/response_length"]],
}
WIDTH, HEIGHT = 420, 320


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    found = [path for path in sorted(arguments.folder.glob("*.json")) if path.stem in CHARTS]
    with browsers.chromium() as browser, tempfile.TemporaryDirectory() as folder:
        for path in found:
            figure = drawn(json.loads(path.read_text()), CHARTS[path.stem])
            page = browser.new_page(
                viewport={"width": figure.layout.width, "height": figure.layout.height}
            )
            html = Path(folder) / "figure.html"
            figure.write_html(html, include_plotlyjs=True, config={"staticPlot": True})
            page.goto(html.as_uri())
            page.wait_for_selector(".main-svg")
            page.screenshot(path=arguments.target / f"alignment-{path.stem}.png")


def drawn(curves: dict[str, list[tuple[int, float]]], charts: list[list[str]]) -> Figure:
    titles = [" · ".join(KNOWN[name].title for name in names) for names in charts]
    figure = make_subplots(rows=1, cols=len(charts), subplot_titles=titles)
    for column, names in enumerate(charts, start=1):
        for name in names:
            steps, values = zip(*curves[name], strict=True)
            trace = Scatter(x=steps, y=values, name=name, mode="lines+markers")
            figure.add_trace(trace, row=1, col=column)
    return figure.update_layout(
        width=WIDTH * len(charts),
        height=HEIGHT,
        template="plotly_white",
        margin={"l": 40, "r": 20, "t": 50, "b": 40},
        legend={"orientation": "h"},
    )


if __name__ == "__main__":
    main()
