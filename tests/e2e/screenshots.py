"""Pictures of the main pages of a running hub, at two widths, light and dark.

python -m tests.e2e.screenshots SIGN_IN_LINK FOLDER [--run ID] [--compare ID,ID]
                             [--dataset SLUG] [--pipeline ID] [--model ID]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from tests.e2e import browser as browsers

SIZES = {"wide": browsers.WIDE, "narrow": browsers.NARROW}
SETTLE_MS = 1500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("link", help="a sign-in link that was not used yet")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--run", help="the run whose page is shown")
    parser.add_argument("--compare", help="the runs that are compared")
    parser.add_argument("--dataset", help="the slug of the dataset whose page is shown")
    parser.add_argument("--pipeline", help="the pipeline whose page is shown")
    parser.add_argument("--model", help="the model whose page and first version are shown")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    url, _, _ = arguments.link.partition("/welcome/")
    chosen = (arguments.run, arguments.compare, arguments.dataset, arguments.pipeline)
    pages = pages_of(*chosen) | pages_of_model(arguments.model)
    with browsers.chromium() as browser:
        state = signed_in(browser, arguments.link)
        for size in SIZES:
            for theme in ("light", "dark"):
                shoot(browser, state, url, pages, size, theme, arguments.folder)


def pages_of(
    run: str | None, compared: str | None, dataset: str | None, pipeline: str | None
) -> dict[str, str]:
    pages = {
        "overview": "/",
        "runs": "/runs/",
        "recipes": "/recipes/",
        "recipe": "/recipes/gpt2-125m/",
        "launch": "/runs/new/?recipe=gpt2-125m",
        "datasets": "/datasets/",
        "mixes": "/mixes/",
        "models": "/models/",
        "workers": "/workers/",
        "predictions": "/predictions/",
        "pipelines": "/pipelines/",
        "launch-pipeline": "/pipelines/new/",
        "reference": "/reference/",
        "glossary": "/reference/glossary/",
        "term-schedule": "/reference/glossary/warmup/",
        "term-perplexity": "/reference/glossary/perplexity/",
        "term-sampling": "/reference/glossary/temperature/",
        "term-bpe": "/reference/glossary/bpe/",
        "term-dpo": "/reference/glossary/dpo/",
        "resources": "/reference/resources/",
        "research": "/research/",
        "track": "/research/tracks/efficiency/",
        "hypothesis-new": "/research/hypotheses/new/",
        "scaling-laws": "/research/scaling-laws/",
        "search": "/search/?q=perplexite",
    }
    if run:
        pages["run"] = f"/runs/{run}/"
        pages["samples"] = f"/runs/{run}/samples/"
        pages["lineage"] = f"/runs/{run}/#lineage"
    if pipeline:
        pages["pipeline"] = f"/pipelines/{pipeline}/"
    if dataset:
        pages["dataset"] = f"/datasets/{dataset}/"
    if compared:
        pages["compare"] = f"/compare/?runs={compared}"
    return pages


def pages_of_model(model: str | None) -> dict[str, str]:
    return {"model": f"/models/{model}/", "model-version": f"/models/{model}/v1/"} if model else {}


def signed_in(browser: Browser, link: str) -> Any:
    context = browser.new_context()
    browsers.sign_in(context.new_page(), link)
    return context.storage_state()


def shoot(
    browser: Browser,
    state: Any,
    url: str,
    pages: dict[str, str],
    size: str,
    theme: Any,
    folder: Path,
) -> None:
    context = browser.new_context(
        **SIZES[size], color_scheme=theme, storage_state=state, device_scale_factor=2
    )
    page: Page = context.new_page()
    for name, path in pages.items():
        # An address that differs after the # alone would not be opened anew.
        page.goto("about:blank")
        page.goto(url + path)
        page.wait_for_timeout(SETTLE_MS)
        page.screenshot(path=folder / f"{name}-{size}-{theme}.png")
    context.close()


if __name__ == "__main__":
    main()
