"""The comparison in a real browser: no spike is lost, a drag shows single steps, files have all."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import eventually
from tests.e2e.hub import RunningHub

STEPS, SPIKE = 20_000, 12_345
LOGGED = f"""
import numpy as np
from llmhub.accounts.models import Project
from llmhub.metrics import ingest
from llmhub.metrics.codec import Column, Points
from llmhub.runs.states import State
from tests.factories import make_attempt, make_external_run
steps = np.arange({STEPS})
project = Project.objects.first()
for lr, name in ((1e-3, "=cold"), (3e-3, "hot")):
    run = make_external_run(project, State.SUCCEEDED, name=name, config={{"lr": lr}})
    attempt, _ = make_attempt(run, state=None)
    loss = 3 * np.exp(-steps / 5000) + lr
    loss[{SPIKE}] = 50
    values = {{"train/loss": Column(np.ones({STEPS}, bool), loss)}}
    ingest.add(attempt, 0, Points(steps, 1.7e9 + steps, values))
    print(run.pk)
"""
# What is drawn of the loss: lines and the band around them.
PLOT = """document.querySelector('[data-metric="train/loss"] .plot')"""
LINES = f"({PLOT}?.data ?? []).filter(({{ uid }}) => !/band|ghost|mark|odd/.test(uid))"
HIGHEST = f"Math.max(...({PLOT}?.data ?? []).flatMap(({{ y }}) => [...y].filter(Number.isFinite)))"


@pytest.fixture(scope="module")
def runs(hub: RunningHub) -> list[str]:
    return hub.manage("shell", "--no-imports", "-c", LOGGED).split()[-2:]


@pytest.fixture
def compared(page: Page, hub: RunningHub, runs: list[str]) -> Page:
    page.goto(f"{hub.url}/compare/?runs={','.join(runs)}")
    eventually(page, f"{LINES}.length === 2")
    return page


def drag(page: Page, start: float, end: float) -> None:
    """Over the loss, from one share of the plot's width to another."""
    box = page.locator('[data-metric="train/loss"] .nsewdrag').bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], middle, steps=5)
    page.mouse.up()


def test_a_spike_of_one_step_is_drawn_and_a_drag_leads_to_single_steps(compared: Page) -> None:
    assert compared.evaluate(HIGHEST) == 50
    # The x-axis reaches 2 % beyond the last step.
    place = SPIKE / STEPS / 1.02
    drag(compared, place - 0.005, place + 0.005)
    compared.wait_for_url(re.compile("zoom="))
    spikes = f"{LINES}.map(({{ y }}) => [...y].filter((value) => value === 50).length)"
    eventually(compared, f"String({spikes}) === '1,1'")
    compared.reload()
    eventually(compared, f"String({spikes}) === '1,1'")
    compared.get_by_role("button", name="Show everything").click()
    eventually(compared, f"{LINES}.length === 2 && {LINES}[0].x.length > 500")
    assert "zoom=" not in compared.url


def test_a_file_holds_every_point_and_no_formula(compared: Page, tmp_path: Path) -> None:
    compared.locator('[data-metric="train/loss"] .chart-menu summary').click()
    with compared.expect_download() as download:
        compared.locator('[data-metric="train/loss"] [data-export=csv]').click()
    download.value.save_as(tmp_path / "points.csv")
    with (tmp_path / "points.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * STEPS
    assert [row["step"] for row in rows if row["value"] == "50.0"] == [str(SPIKE)] * 2
    assert {row["run"] for row in rows} == {"'=cold", "hot"}


def test_a_note_is_pinned_to_a_step_and_seen_by_the_next_one(
    compared: Page, hub: RunningHub
) -> None:
    frame = compared.locator('[data-metric="train/loss"] .plot-frame')
    frame.click(position={"x": 200, "y": 120})
    compared.locator(".readout").get_by_role("button", name="Note").first.click()
    compared.get_by_role("textbox", name=re.compile("Note")).fill("Here the data changed.")
    compared.get_by_role("button", name="Save").last.click()
    eventually(compared, f"{PLOT}.data.some(({{ uid }}) => uid === 'mark-note')")
    compared.reload()
    eventually(compared, f"{PLOT}?.data?.some(({{ uid }}) => uid === 'mark-note')")


def test_a_baseline_says_by_how_much_the_others_differ(compared: Page, runs: list[str]) -> None:
    compared.locator("[name=base]").select_option(runs[0])
    compared.locator("[name=difference]").check()
    eventually(compared, f"{LINES}.length === 1")
    most = f"Math.max(...[...{LINES}[0].y].filter(Number.isFinite))"
    assert compared.evaluate(most) == pytest.approx(0.002)
    expect(compared.locator("#differences tr[data-name=lr] td").last).to_have_text("0.003")
