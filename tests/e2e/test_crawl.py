"""Every page that a link leads to, wide and narrow: it is there, it fits, nothing complains."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Page

from tests.e2e import browser as browsers
from tests.e2e.hub import RunningHub

pytestmark = [pytest.mark.crawl, pytest.mark.timeout(1200)]

LINKS = "[...document.querySelectorAll('a[href]:not([download])')].map((link) => link.href)"
ENOUGH = 300  # a crawl that goes on beyond this has found an endless calendar


@pytest.fixture(scope="module")
def hub_with_runs(hub: RunningHub) -> RunningHub:
    hub.manage("demo", "--no-wait")
    return hub


@pytest.mark.parametrize("window", [browsers.WIDE, browsers.NARROW], ids=["wide", "narrow"])
def test_every_page_can_be_reached_and_fits(page: Page, hub_with_runs: RunningHub, window):
    page.set_viewport_size(window["viewport"])
    troubles = [trouble for url in crawl(page, hub_with_runs.url) for trouble in look(page, url)]
    assert troubles == []


def crawl(page: Page, start: str):
    """The page shows each address while it is yielded; one of each path, whatever its query."""
    waiting, seen = [start], {"/"}
    while waiting:
        url = waiting.pop(0)
        yield url
        for link in page.evaluate(LINKS):
            parts = urlsplit(urljoin(url, link))
            if parts.netloc == urlsplit(start).netloc and parts.path not in seen:
                seen.add(parts.path)
                waiting.append(link)
        assert len(seen) < ENOUGH, f"too many pages: {sorted(seen)[-5:]}"


def look(page: Page, url: str):
    """What is wrong with a page."""
    answer = page.goto(url)
    assert answer
    if answer.status != 200:
        yield f"{url}: {answer.status}"
    elif "text/html" in answer.headers.get("content-type", ""):
        if (wider := browsers.overflow(page)) > 0:
            yield f"{url}: {wider} pixels wider than the window"
        if page.locator("h1").count() != 1:
            yield f"{url}: {page.locator('h1').count()} main headings"
