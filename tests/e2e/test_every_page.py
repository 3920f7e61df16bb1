"""Every page fits a telephone, works by keyboard, and looks as it should in light and dark."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import browser as browsers
from tests.e2e.hub import RunningHub

PATHS = [
    "/",
    "/runs/",
    "/runs/trash/",
    "/compare/",
    "/recipes/",
    "/recipes/gpt2-125m/",
    "/runs/new/?recipe=gpt2-125m",
    "/runs/new/?recipe=rlhf-ppo",
    "/pipelines/new/",
    "/datasets/",
    "/datasets/new/",
    "/datasets/python-documentation-topics/",
    "/mixes/",
    "/mixes/new/",
    "/workers/",
    "/people/",
    "/tokens/",
    "/profile/",
    "/projects/new/",
]
BACKGROUND = "getComputedStyle(document.documentElement).backgroundColor"


@pytest.fixture(scope="module")
def state(hub: RunningHub, chromium: Browser) -> Iterator[str]:
    """The cookies of a signed-in browser, so that each test need not sign in."""
    context = chromium.new_context()
    page = context.new_page()
    browsers.sign_in(page, hub.sign_in_link())
    yield context.storage_state()
    context.close()


@pytest.mark.parametrize("path", PATHS)
def test_no_page_is_wider_than_a_telephone(
    hub: RunningHub, chromium: Browser, state: str, path: str
) -> None:
    context = chromium.new_context(**browsers.NARROW, storage_state=state)
    complaints = browsers.Complaints(context)
    page = context.new_page()
    page.goto(hub.url + path)
    page.wait_for_load_state("networkidle")
    assert browsers.overflow(page) <= 0
    assert page.locator("h1").count() == 1
    context.close()
    assert complaints == []


@pytest.mark.parametrize("path", PATHS)
def test_every_control_has_a_name(page: Page, hub: RunningHub, path: str) -> None:
    page.goto(hub.url + path)
    tree = page.locator("body").aria_snapshot()
    nameless = [line for line in tree.splitlines() if line.strip() in NAMELESS]
    assert nameless == []


NAMELESS = {f"- {role}" for role in ("button", "link", "textbox", "combobox", "checkbox", "radio")}


def test_a_telephone_reaches_every_page_by_the_menu(
    hub: RunningHub, chromium: Browser, state: str
) -> None:
    context = chromium.new_context(**browsers.NARROW, storage_state=state)
    page = context.new_page()
    page.goto(hub.url)
    navigation = page.get_by_role("navigation", name="Main")
    expect(navigation).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).click()
    navigation.get_by_role("link", name="Workers").click()
    expect(page.locator("h1")).to_have_text("Workers")
    context.close()


def test_the_keyboard_skips_to_the_content_and_opens_menus(page: Page, hub: RunningHub) -> None:
    page.goto(hub.url)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()

    page.locator(".menu > summary").last.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()


def test_the_theme_follows_the_system_until_a_person_chooses(
    hub: RunningHub, chromium: Browser, state: str
) -> None:
    context = chromium.new_context(color_scheme="dark", storage_state=state)
    page = context.new_page()
    page.goto(hub.url)
    dark = page.evaluate(BACKGROUND)
    page.get_by_role("button", name="Switch between light and dark").click()
    light = page.evaluate(BACKGROUND)
    assert light != dark
    page.goto(f"{hub.url}/runs/")
    assert page.evaluate(BACKGROUND) == light
    context.close()
