"""The pages of the book: axe finds nothing in either theme, and they fit a telephone."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.browser import NARROW, WIDE, findings, overflow, put_on
from tests.e2e.hub import RunningHub

PATHS = [
    "/reference/",
    "/reference/glossary/",
    "/reference/glossary/perplexity/",
    "/reference/resources/",
    "/research/",
    "/research/tracks/efficiency/",
    "/research/scaling-laws/",
]


def test_axe_finds_nothing_in_either_theme(hub: RunningHub, page: Page):
    found = {}
    for path in PATHS:
        page.set_viewport_size(WIDE["viewport"])
        page.goto(f"{hub.url}{path}")
        put_on(page, "light")
        found[path, "light, wide"] = findings(page)
        page.set_viewport_size(NARROW["viewport"])
        put_on(page, "dark")
        found[path, "dark, narrow"] = findings(page)
        assert overflow(page) == 0, path
    reports = [f"{place}: {report}" for place, report in found.items() if report]
    assert not reports, "\n".join(reports)


def test_the_index_opens_its_places_by_keyboard(hub: RunningHub, page: Page):
    page.goto(f"{hub.url}/reference/")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="Alignment", exact=True))
    row.get_by_role("button", name="Recipes").focus()
    page.keyboard.press("Enter")
    places = page.get_by_role("dialog", name="Alignment · Recipes")
    expect(places.get_by_role("link")).to_have_count(3)
    assert findings(page) == ""
    page.keyboard.press("Escape")
    expect(places).to_be_hidden()


def test_the_glossary_filters_itself_by_names_of_both_languages(hub: RunningHub, page: Page):
    page.goto(f"{hub.url}/reference/glossary/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.resource_type))
    page.get_by_role("searchbox").fill("perplexité")
    terms = page.locator("[data-names]:visible")
    expect(terms).to_have_count(1)
    expect(page.locator("#terms-left")).to_have_text("1 term")
    page.get_by_role("searchbox").fill("no such word")
    expect(page.get_by_role("heading", name="No term has this name")).to_be_visible()
    page.get_by_role("button", name="Show all terms").click()
    expect(page.get_by_role("searchbox")).to_be_focused()
    expect(page.locator("[data-names][hidden]")).to_have_count(0)
    assert not {"fetch", "xhr", "document"} & set(asked)
