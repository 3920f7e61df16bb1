"""The main job, by hand of a browser: launch, watch it learn, change a value, compare, stop."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import eventually
from tests.e2e.hub import RunningHub

# A trainer starts in some ten seconds where two processors share everything.
LONG = 240
LONG_MS = LONG * 1000
FIRST_STEPS = 40
POINTS = "Number(document.querySelector('run-charts')?.dataset.points ?? 0)"
# Without what is drawn around them and upon them.
CURVES = """(document.querySelector('[data-metric="train/loss"] .plot')?.data ?? [])
    .filter(({ uid }) => !/band|ghost|mark|odd/.test(uid)).length"""
# A gap ends each curve.
LOSSES = "[...document.querySelector('[data-metric=loss] .plot').data[0].y].filter(Number.isFinite)"

pytestmark = pytest.mark.timeout(600)


def test_a_person_launches_watches_compares_and_stops(page: Page, hub: RunningHub) -> None:
    open_recipe(page, hub)
    launch(page, name="first", steps=FIRST_STEPS)
    first = page.url
    see_it_learn(page)

    launch_again(page, name="second", steps=20_000, learning_rate="0.0002")
    second = page.url
    wait_for_points(page, 5)

    compare(page, hub, [run_id(first), run_id(second)])
    read_the_difference(page)

    page.goto(second)
    stop(page)


def open_recipe(page: Page, hub: RunningHub) -> None:
    page.goto(hub.url)
    page.get_by_role("navigation").get_by_role("link", name="Recipes").click()
    page.get_by_role("link", name="GPT-2 125M").first.click()
    page.get_by_role("link", name="Launch", exact=True).click()


def launch(page: Page, name: str, steps: int, learning_rate: str = "") -> None:
    page.locator("input[name=scale][value=smoke]").check()
    page.locator("[name=name]").fill(name)
    reveal_and_fill(page, "training.max_steps", str(steps))
    if learning_rate:
        reveal_and_fill(page, "training.min_lr", "0")
        reveal_and_fill(page, "training.learning_rate", learning_rate)
    page.get_by_role("button", name="Launch", exact=True).click()
    page.wait_for_url(re.compile(r"/runs/\d+/$"))


def reveal_and_fill(page: Page, name: str, value: str) -> None:
    """Fields stand in groups that may be closed."""
    field = page.locator(f"[name='{name}']")
    field.evaluate(
        "(field) => { const group = field.closest('details'); if (group) group.open = true }"
    )
    field.fill(value)


def launch_again(page: Page, name: str, steps: int, learning_rate: str) -> None:
    page.get_by_role("link", name="Launch again").click()
    launch(page, name, steps, learning_rate)


def wait_for_points(page: Page, count: int) -> None:
    eventually(page, f"{POINTS} >= {count}", LONG)


def see_it_learn(page: Page) -> None:
    """Points arrive, and nothing but the websocket brings them: the page is the same one."""
    page.evaluate("window.sameAsBefore = true")
    wait_for_points(page, 20)
    wait_for_points(page, FIRST_STEPS)
    assert page.evaluate("window.sameAsBefore")
    losses = page.evaluate(LOSSES)
    assert losses[-1] < losses[0] - 0.5
    expect(page.locator("#run-head .state")).to_have_text("Succeeded", timeout=LONG_MS)
    expect(page.locator("[data-metric=perplexity]")).to_be_visible()


def run_id(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2]


def compare(page: Page, hub: RunningHub, ids: list[str]) -> None:
    """By the checkboxes of the table."""
    page.goto(f"{hub.url}/runs/")
    for number in ids:
        page.locator(f"input[name=runs][value='{number}']").check()
    page.get_by_role("button", name="Compare (2)").click()
    page.wait_for_url(re.compile(r"/compare/\?runs=\d+,\d+$"))
    eventually(page, f"{CURVES} == 2")


def read_the_difference(page: Page) -> None:
    row = page.locator("#differences tr[data-name='training.learning_rate']")
    expect(row.locator("td").last).to_have_text("0.0002")
    expect(row.locator("td").nth(-2)).not_to_have_text("0.0002")
    page.locator(".legend-toggle", has_text="second").click()
    eventually(page, f"{CURVES} == 1")
    assert "hide=" in page.url
    page.reload()
    expect(page.locator(".legend-toggle", has_text="second")).to_have_attribute(
        "aria-pressed", "false"
    )


def stop(page: Page) -> None:
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Stop the run").click()
    expect(page.locator("#messages")).to_contain_text("stops")
    expect(page.locator("#run-head .state")).to_have_text("Stopped", timeout=LONG_MS)
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
