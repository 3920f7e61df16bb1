"""Chromium, and what a browser may complain of."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE = {"viewport": {"width": 1280, "height": 900}}
NARROW = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium where there is one, else playwright's own download."""
    system = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system, args=ARGUMENTS)
        yield browser
        browser.close()


class Complaints(list[str]):
    """Errors and warnings of every page of a context; violations of the CSP are among them."""

    def __init__(self, context: BrowserContext) -> None:
        super().__init__()
        context.on("page", self.listen)

    def listen(self, page: Page) -> None:
        page.on("console", self.hear)
        page.on("pageerror", lambda error: self.append(f"{page.url}: {error}"))

    def hear(self, message: ConsoleMessage) -> None:
        # A form that is refused comes back with 422, and with the reasons: no fault of the page's.
        if message.type in {"error", "warning"} and "status of 422" not in message.text:
            self.append(f"{message.location.get('url')}: {message.text}")


def sign_in(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/welcome/" not in url)


def eventually(page: Page, script: str, timeout: float = 30) -> None:
    """Waits until `script` is true; wait_for_function would need eval, which the CSP forbids."""
    give_up = time.monotonic() + timeout
    while not page.evaluate(script):
        assert time.monotonic() < give_up, f"Not true within {timeout} s: {script}"
        page.wait_for_timeout(100)


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than the window."""
    script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    found: Any = page.evaluate(script)
    return int(found)


PUT_ON = """async theme => {
    document.documentElement.dataset.theme = theme;
    document.body.offsetHeight;
    const ends = ({ effect }) => effect.getComputedTiming().endTime < Infinity;
    const ending = document.getAnimations().filter(ends);
    await Promise.allSettled(ending.map(({ finished }) => finished));
}"""


def put_on(page: Page, theme: str) -> None:
    """Waits until no colour is on its way from one theme to the other."""
    page.evaluate(PUT_ON, theme)


def findings(page: Page) -> str:
    """By the rules that axe has on by default. It comes in as a browser's tools do, and not as a
    script of the page: the CSP stands as it is."""
    found = Axe().run(page)
    return found.generate_report() if found.violations_count else ""
