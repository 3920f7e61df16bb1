"""Every page fits a telephone, works by keyboard, and looks as it should in light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState, expect

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
    "/runs/{run}/#lineage",
    "/runs/{run}/samples/",
    "/pipelines/",
    "/pipelines/new/",
    "/pipelines/{pipeline}/",
    "/datasets/",
    "/datasets/new/",
    "/datasets/python-documentation-topics/",
    "/mixes/",
    "/mixes/new/",
    "/models/",
    "/models/new/",
    "/models/{model}/",
    "/models/{model}/edit/",
    "/models/{model}/v2/",
    "/evaluations/",
    "/evaluations/tasks/new/",
    "/evaluations/reviews/",
    "/checklists/",
    "/checklists/?show=all",
    "/checklists/{checklist}/",
    "/checklists/{checklist}/do/sign/?item=code",
    "/checklists/{checklist}/do/waive/?item=code",
    "/checklists/{checklist}/do/evidence/?item=code",
    "/research/?state=all",
    "/research/hypotheses/new/?track=efficiency",
    "/research/hypotheses/{hypothesis}/",
    "/research/hypotheses/link/?runs={run}",
    "/reference/resources/new/",
    "/search/?q=loss",
    "/workers/",
    "/predictions/",
    "/playground/",
    "/people/",
    "/tokens/",
    "/profile/",
    "/projects/new/",
]
# A long pipeline that is over, with what its stages wrote and what was predicted for them.
# It learns from data that the hub has: several scripts that make some would name them alike.
MAKE = """
from llmhub.accounts.models import Project, User
from llmhub.datasets.models import DatasetVersion
from llmhub.metrics.models import Sample
from llmhub.registry import promotion
from llmhub.registry.models import Model, Stage
from llmhub.runs.models import Pipeline, Prediction, RunInput
from llmhub.runs.states import State
from tests.factories import (
    make_attempt, make_checklist, make_hypothesis, make_item, make_model_version, make_run,
)
from tests.research.seeded import logged
from tests.gates import guard_nothing
project, data = Project.objects.first(), DatasetVersion.objects.first()
pipeline = Pipeline.objects.create(project=project, name="From a text to an answer " * 4)
before = None
for stage in range(3):
    run = make_run(
        project, State.SUCCEEDED, name=f"{pipeline} · sft", pipeline=pipeline, stage=stage,
        dataset_version=data,
    )
    attempt, _ = make_attempt(run, state=None)
    Prediction.objects.create(
        run=run, device_name="CPU", memory_bytes=2**30, tokens_per_second=1e4, seconds=60,
        speed_source="guess", actual_memory_bytes=2**30, actual_tokens_per_second=9e3,
        actual_seconds=70,
    )
    Sample.objects.bulk_create(
        Sample(run=run, attempt=attempt, index=index, step=step, prompt=f"Prompt {index} " * 40,
               text=f"{index} at {step}", decoding="greedy")
        for index in range(3) for step in (10, 20, 30)
    )
    if before:
        RunInput.objects.create(run=run, source=before, role="model.base_model")
    before = run
user = User.objects.first()
first = make_model_version(run)
second = make_model_version(run, first.model, bytes=2**20, licence="MIT AND PSF-2.0")
Model.objects.update(name="A model with a name that is rather long for a telephone")
guard_nothing(project)
promotion.promote(first, Stage.PRODUCTION, user, "The first. " * 20)
promotion.promote(second, Stage.PRODUCTION, user, "Better.")
held = make_run(project, State.AWAITING_SIGN_OFF, name="Held", dataset_version=data)
checklist = make_checklist(
    make_item("code", title={"en": "The code is at a commit that everybody knows"}),
    make_item("stop", how="machine", check="stopping-criteria"), run=held,
)
hypothesis = make_hypothesis(
    project, "A statement that takes several lines of a telephone. " * 5,
    metric="val/loss", direction="lower", baselines=[before], variants=[held],
)
logged(before, 3.1)
print(run.pk, pipeline.pk, first.model_id, checklist.pk, hypothesis.pk)
"""
BACKGROUND = "getComputedStyle(document.documentElement).backgroundColor"


@pytest.fixture(scope="module")
def made(hub: RunningHub) -> dict[str, str]:
    """What the paths name, by its name there."""
    said = hub.manage("shell", "--no-imports", "-c", MAKE)
    names = ("run", "pipeline", "model", "checklist", "hypothesis")
    return dict(zip(names, said.split()[-len(names) :], strict=True))


@pytest.fixture(scope="module")
def telephone(chromium: Browser, signed_in: StorageState) -> Iterator[BrowserContext]:
    """One for all pages: it keeps the scripts and styles that they share."""
    context = chromium.new_context(**browsers.NARROW, storage_state=signed_in)
    yield context
    context.close()


@pytest.mark.parametrize("path", PATHS)
def test_every_page_fits_a_telephone_and_names_its_controls(
    hub: RunningHub, telephone: BrowserContext, made: dict[str, str], path: str
) -> None:
    complaints = browsers.Complaints(telephone)
    page = telephone.new_page()
    page.goto(hub.url + path.format(**made))
    page.wait_for_load_state("networkidle")
    assert browsers.overflow(page) <= 0
    assert page.locator("h1").count() == 1
    tree = page.locator("body").aria_snapshot()
    nameless = [line for line in tree.splitlines() if line.strip() in NAMELESS]
    assert nameless == []
    page.close()
    assert complaints == []


NAMELESS = {f"- {role}" for role in ("button", "link", "textbox", "combobox", "checkbox", "radio")}


def test_the_samples_that_were_chosen_stay_in_the_address(
    page: Page, hub: RunningHub, made: dict[str, str]
) -> None:
    page.goto(f"{hub.url}/runs/{made['run']}/#samples")
    page.locator("#sample-prompt-1").click()
    expect(page.locator("#sample-prompt-1")).to_have_attribute("aria-current", "true")
    page.locator("#sample-step").select_option("20")
    shown = page.locator(".sample .sample-text")
    expect(shown).to_have_text(["1 at 20", "1 at 10"])
    expect(page).to_have_url(re.compile(r"\?prompt=1&step=20#samples$"))
    page.reload()
    expect(shown).to_have_text(["1 at 20", "1 at 10"])
    page.locator("#sample-prompt-2").click()
    expect(shown).to_have_text(["2 at 30", "2 at 20", "2 at 10"])
    expect(page).to_have_url(re.compile(r"\?prompt=2#samples$"))


def test_a_telephone_reaches_every_page_by_the_menu(
    hub: RunningHub, chromium: Browser, signed_in: StorageState
) -> None:
    context = chromium.new_context(**browsers.NARROW, storage_state=signed_in)
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
    hub: RunningHub, chromium: Browser, signed_in: StorageState
) -> None:
    context = chromium.new_context(color_scheme="dark", storage_state=signed_in)
    page = context.new_page()
    page.goto(hub.url)
    dark = page.evaluate(BACKGROUND)
    page.get_by_role("button", name="Switch between light and dark").click()
    light = page.evaluate(BACKGROUND)
    assert light != dark
    page.goto(f"{hub.url}/runs/")
    assert page.evaluate(BACKGROUND) == light
    context.close()
