"""Terms and demonstrations in a real browser, by keyboard, mouse and touch."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, StorageState, expect

from tests.e2e import browser as browsers
from tests.e2e.hub import RunningHub

MAKE_RUN = """
import numpy as np
from llmhub.accounts.models import Project
from llmhub.metrics import ingest
from llmhub.metrics.codec import Column, Points
from llmhub.runs.states import State
from tests.factories import make_attempt, make_external_run
steps = np.arange(100)
run = make_external_run(Project.objects.first(), State.SUCCEEDED, name="falls")
attempt, _ = make_attempt(run, state=None)
loss = Column(np.ones(100, bool), 4 - steps * 0.02)
ingest.add(attempt, 0, Points(steps, 1.7e9 + steps, {"train/loss": loss}))
print(run.pk)
"""
LAUNCH = "/runs/new/?recipe=gpt2-125m"
RATE = "Learning rate: what is this?"


@pytest.fixture(scope="module")
def run_id(hub: RunningHub) -> str:
    return hub.manage("shell", "--no-imports", "-c", MAKE_RUN).split()[-1]


def popover(page: Page) -> Locator:
    return page.locator(".term-popover")


def mark(page: Page) -> Locator:
    return page.get_by_role("link", name=RATE, exact=True)


def test_a_term_opens_beside_its_field_and_gives_the_keyboard_back(
    page: Page, hub: RunningHub
) -> None:
    page.goto(hub.url + LAUNCH)
    mark(page).focus()
    page.keyboard.press("Space")
    dialog = page.get_by_role("dialog", name="Learning rate", exact=True)
    expect(dialog).to_be_visible()
    expect(dialog).to_be_focused()
    through_a_neighbour_and_back(page)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(mark(page)).to_be_focused()
    by_mouse(page)


def through_a_neighbour_and_back(page: Page) -> None:
    """All of it with the keyboard; each text is fetched once."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    title = popover(page).locator("h2")
    first = popover(page).locator("a[data-term]").first
    neighbour = first.inner_text()
    first.focus()
    page.keyboard.press("Enter")
    expect(title).to_have_text(neighbour)
    page.get_by_role("button", name="Back").press("Enter")
    expect(title).to_have_text("Learning rate")
    expect(popover(page)).to_be_focused()
    assert len(asked) == 1


def by_mouse(page: Page) -> None:
    """A second click closes, a click on the label goes to its field, Ctrl opens the page."""
    mark(page).click()
    expect(popover(page)).to_be_visible()
    mark(page).click()
    expect(popover(page)).to_be_hidden()
    page.get_by_text("Learning rate", exact=True).first.click()
    expect(page.locator("[name='training.learning_rate']")).to_be_focused()
    with page.context.expect_page() as opened:
        mark(page).click(modifiers=["ControlOrMeta"])
    expect(opened.value).to_have_url(re.compile("/reference/glossary/learning-rate/$"))
    opened.value.close()


def test_a_finger_opens_it_within_a_narrow_window(
    hub: RunningHub, chromium: Browser, signed_in: StorageState
) -> None:
    context = chromium.new_context(**browsers.NARROW, storage_state=signed_in)
    complaints = browsers.Complaints(context)
    page = context.new_page()
    page.goto(hub.url + LAUNCH)
    mark(page).tap()
    expect(popover(page).locator("h2")).to_have_text("Learning rate")
    box = popover(page).bounding_box()
    header = page.locator(".site-header").bounding_box()
    assert box is not None
    assert header is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert box["y"] >= header["height"]
    assert box["y"] + box["height"] <= 844
    page.get_by_role("button", name="Close").tap()
    expect(popover(page)).to_be_hidden()
    # What cannot be fetched is said, with a way on.
    page.route("**/short/", lambda route: route.abort())
    page.get_by_role("link", name="Batch size: what is this?", exact=True).tap()
    expect(popover(page)).to_contain_text("could not be loaded")
    context.close()
    assert [each for each in complaints if "net::ERR_FAILED" not in each] == []


def test_each_demonstration_is_used_by_keyboard(page: Page, hub: RunningHub, run_id: str) -> None:
    from_the_form_to_its_curve(page, hub)
    exp_of_a_loss(page, hub, run_id)
    colder_and_fewer(page, hub)
    merge_by_merge(page, hub)


def from_the_form_to_its_curve(page: Page, hub: RunningHub) -> None:
    """The values that stand in the form, not those of the recipe."""
    page.goto(hub.url + LAUNCH)
    page.locator("[name='training.learning_rate']").fill("0.0012")
    page.get_by_role("link", name="Schedule: what is this?", exact=True).press("Enter")
    popover(page).get_by_role("link", name="Try it").press("Enter")
    page.wait_for_url(re.compile(r"learning_rate=0\.0012.*#demo$"))
    expect(page.get_by_label("Recipe", exact=True)).to_have_value("gpt2-125m")
    step = page.get_by_label("Read the rate at a step")
    steps = int(step.get_attribute("max") or 0)
    step.press("End")
    expect(page.locator("[data-readout]")).to_contain_text(f"Step {steps + 1:,}:")
    page.get_by_label("Schedule", exact=True).select_option("constant")
    expect(page.locator("[data-readout]")).to_contain_text("0.0012")
    page.get_by_label("Steps of warm-up").press("Home")
    step.press("Home")
    expect(page.locator("[data-readout]")).to_have_text("Step 1: 0.0012, the peak")


def exp_of_a_loss(page: Page, hub: RunningHub, run_id: str) -> None:
    page.goto(f"{hub.url}/reference/glossary/perplexity/?run={run_id}")
    step, readout = page.get_by_label("Read both at a step"), page.locator("[data-readout]")
    # The newest point, once the curve is there.
    expect(readout).to_contain_text("Step 99: loss 2.02")
    step.press("Home")
    step.press("ArrowRight")
    expect(readout).to_have_text("Step 1: loss 3.98, perplexity exp(3.98) = 53.52")
    expect(page.locator("perplexity-demo .curve")).to_have_count(2)
    page.get_by_label("Loss in nats per token").press("End")
    expect(page.locator("[data-guess]")).to_contain_text("worse than guessing")


def colder_and_fewer(page: Page, hub: RunningHub) -> None:
    page.goto(f"{hub.url}/reference/glossary/temperature/")
    kept = page.locator("[data-figure=kept]")
    expect(kept).to_have_text("49,152 of 49,152")
    for _ in range(3):
        page.get_by_label("Top-k", exact=True).press("ArrowRight")
    expect(kept).to_have_text("3 of 49,152")
    page.get_by_label("Temperature", exact=True).press("Home")
    page.get_by_role("button", name="Draw 1,000").press("Enter")
    expect(page.locator("tbody tr").first).to_contain_text("/ 993")
    expect(page.locator("tbody tr").nth(3)).to_contain_text("dropped")


def merge_by_merge(page: Page, hub: RunningHub) -> None:
    page.goto(f"{hub.url}/reference/glossary/bpe/")
    page.get_by_label("Text", exact=True).fill("low low lower")
    page.get_by_role("button", name="Merge", exact=True).press("Enter")
    said = page.locator("[data-said]")
    expect(said).to_have_text(
        "Merge 1: “l” + “o” becomes “lo”, 3 times: of the pairs as frequent it comes first."
    )
    page.get_by_role("button", name="All").press("Enter")
    expect(page.locator("[data-tokens] .token").first).to_have_text("low")
    page.get_by_role("button", name="Start over").press("Enter")
    expect(page.locator("[data-figure=tokens]")).to_have_text("13")
