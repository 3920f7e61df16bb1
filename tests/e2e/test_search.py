"""The palette: opened, used and left by the keyboard alone, and by its button on a telephone."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, StorageState, expect

from tests.e2e.browser import NARROW, Complaints, findings, overflow, put_on
from tests.e2e.hub import RunningHub


def test_what_is_typed_is_found_and_opened_by_the_keyboard(hub: RunningHub, page: Page):
    page.goto(f"{hub.url}/recipes/")
    field = page.get_by_role("combobox", name="Search, or do something")
    options = page.get_by_role("option")
    page.keyboard.press("/")
    expect(field).to_be_focused()
    expect(options.filter(has_text="Launch a run")).to_be_visible()

    page.keyboard.type("perplexité")
    expect(options.first).to_contain_text("Perplexity")
    for theme in ("light", "dark"):
        put_on(page, theme)
        assert findings(page) == "", theme
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    first = options.first.get_attribute("id")
    assert first
    expect(field).to_have_attribute("aria-activedescendant", first)
    expect(field).to_be_focused()
    page.keyboard.press("End")
    expect(options.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(page.locator("[role=option][aria-selected=true]")).to_have_count(0)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/reference/glossary/perplexity/")

    page.keyboard.press("Control+k")
    expect(page.get_by_role("group", name="Opened lately")).to_contain_text("Perplexity")


def test_escape_gives_the_focus_back_and_enter_opens_all_results(hub: RunningHub, page: Page):
    page.goto(f"{hub.url}/runs/")
    written = page.get_by_role("combobox", name="Filter")
    written.fill("tag = a")
    written.press("/")
    expect(written).to_have_value("tag = a/")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Search, or do something")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()
    expect(written).to_be_focused()

    page.keyboard.press("Control+k")
    page.keyboard.type("zanzibar quux")
    expect(page.locator(".palette-none")).to_contain_text("Nothing begins with")
    field.fill("perplexity")
    expect(page.get_by_role("option").first).to_contain_text("Perplexity")
    page.keyboard.press("ArrowDown")
    # What is chosen answers the words before: Enter does not open it for these.
    page.keyboard.type(" qx")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search/?q=perplexity+qx")
    expect(page.get_by_role("heading", name="Nothing was found")).to_be_visible()


def test_a_telephone_has_a_button(hub: RunningHub, chromium: Browser, signed_in: StorageState):
    context = chromium.new_context(**NARROW, storage_state=signed_in)
    complaints = Complaints(context)
    page = context.new_page()
    page.goto(f"{hub.url}/recipes/")
    page.get_by_role("link", name="Search").tap()
    page.keyboard.type("gpt")
    option = page.get_by_role("option").filter(has_text="GPT-2 125M")
    expect(option.first).to_be_visible()
    assert overflow(page) == 0
    page.get_by_role("button", name="All results").tap()
    page.wait_for_url("**/search/?q=gpt")
    assert findings(page) == ""
    assert overflow(page) == 0
    context.close()
    assert complaints == []
