"""A checkpoint becomes a model that is judged, tried, shipped and promoted, in a browser."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.e2e.hub import RunningHub

LONG_MS = 120_000
QUESTION = "The loss of step"
TOKENS = 12
# A run that is over, whose checkpoint is a model that `transformers` loads, as a trainer leaves it.
MAKE = """
from pathlib import Path
from django.conf import settings
from llmhub.accounts.models import Project
from llmhub.datasets.models import DatasetVersion
from llmhub.lib import manifest
from llmhub.runs.states import State
from tests.factories import make_run
from tests.gates import guard_nothing
from tests.registry.exporting import write_model
from tests.registry.made import make_checkpoint
data = DatasetVersion.objects.get(dataset__slug="python-documentation-topics")
run = make_run(Project.objects.first(), State.SUCCEEDED, name="Tells of steps", step=20,
               dataset_version=data)
guard_nothing(run.project)
folder = Path(settings.HUB_DATA) / "runs" / str(run.pk)
write_model(folder / "step-20", "llama")
manifest.write(folder / "step-20", step=20, val_loss=2.5)
make_checkpoint(run, folder)
print(run.pk)
"""
TASK = [{"prompt": f"{n} + {n} =", "answer": str(n + n)} for n in range(6)]

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def run(hub: RunningHub) -> str:
    return hub.manage("shell", "--no-imports", "-c", MAKE).split()[-1]


def test_a_checkpoint_becomes_a_model_that_ships(
    page: Page, hub: RunningHub, run: str, tmp_path: Path
) -> None:
    version = register(page, hub, run)
    make_a_task(page, hub)
    evaluate(page, version)
    export = take_an_export(page, version, tmp_path)
    ask(page, version, writes(export))
    promote(page, version)


def register(page: Page, hub: RunningHub, run: str) -> str:
    page.goto(f"{hub.url}/runs/{run}/#checkpoints")
    page.get_by_role("button", name="Register").click()
    page.wait_for_url(re.compile(r"/models/\d+/v1/$"))
    files = page.locator("#version-files")
    expect(files.get_by_text("model.safetensors")).to_be_visible(timeout=LONG_MS)
    expect(page.locator(".lineage-graph circle")).to_have_count(3)
    return page.url


def make_a_task(page: Page, hub: RunningHub) -> None:
    """The second row lacks its answer at first."""
    rows = [json.dumps(row) for row in TASK]
    page.goto(f"{hub.url}/evaluations/tasks/new/")
    page.locator("[name=name]").fill("Doubles")
    page.locator("[name=text]").fill("\n".join([rows[0], '{"prompt": "1 + 1 ="}', *rows[2:]]))
    page.get_by_role("button", name="Register").click()
    expect(page.locator("#main")).to_contain_text("line 2")
    page.locator("[name=text]").fill("\n".join(rows))
    page.get_by_role("button", name="Register").click()
    expect(page.locator("h1")).to_contain_text("Doubles")


def evaluate(page: Page, version: str) -> None:
    page.goto(version)
    page.get_by_role("link", name="Evaluate", exact=True).click()
    page.get_by_label("Doubles").check()
    page.locator("[name=max_new_tokens]").fill("4")
    page.get_by_role("button", name="Evaluate").click()
    expect(page.locator("#main")).to_contain_text("5 + 5 =", timeout=LONG_MS)
    page.goto(version)
    known = page.locator("section", has_text="Model card").get_by_role("row", name="Doubles")
    known.get_by_role("link").last.click()
    page.wait_for_url(re.compile(r"/evaluations/\d+/$"))


def take_an_export(page: Page, version: str, place: Path) -> Path:
    page.goto(version)
    page.locator("#export-form [name=form]").select_option("int8")
    page.get_by_role("button", name="Export", exact=True).click()
    page.goto(version)
    download = page.get_by_role("link", name="Download", exact=True)
    expect(download).to_be_visible(timeout=LONG_MS)
    with page.expect_download() as taken:
        download.click()
    with zipfile.ZipFile(taken.value.path()) as archive:
        archive.extractall(place)
    (folder,) = place.iterdir()
    return folder


def writes(export: Path) -> str:
    """What plain `transformers` makes of the export, greedily."""
    model = AutoModelForCausalLM.from_pretrained(export)
    tokenizer = AutoTokenizer.from_pretrained(export)
    asked = tokenizer(QUESTION, return_tensors="pt")
    found = model.generate(**asked, do_sample=False, max_new_tokens=TOKENS, pad_token_id=0)
    return str(tokenizer.decode(found[0, asked["input_ids"].shape[1] :]))


def ask(page: Page, version: str, expected: str) -> None:
    page.goto(version)
    page.get_by_role("link", name="Playground", exact=True).last.click()
    page.locator("[name=mode]").select_option("completion")
    page.locator("[name=way]").select_option("greedy")
    page.locator("[name=max_new_tokens]").fill(str(TOKENS))
    page.locator("[name=text]").fill(QUESTION)
    page.get_by_role("button", name="Ask").click()
    answer = page.locator(".answer")
    expect(answer.locator("[data-foot]")).not_to_be_empty(timeout=LONG_MS)
    assert answer.locator("[data-text]").text_content() == expected
    page.wait_for_url(re.compile(r"/playground/\d+/$"))


def promote(page: Page, version: str) -> None:
    page.goto(version)
    page.locator("[name=stage]").select_option("production")
    page.get_by_role("button", name="Move").click()
    expect(page.locator("#main")).to_contain_text("required")
    page.locator("[name=reason]").fill("The first that is any good.")
    page.get_by_role("button", name="Move").click()
    expect(page.locator("#messages")).to_contain_text("production")
    expect(page.locator("#version-files")).to_contain_text("The first that is any good.")
