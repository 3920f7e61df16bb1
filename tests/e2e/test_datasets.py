"""Data come in by hand of a browser: looked at, corrected, registered, measured, tokenized."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.hub import RunningHub

LONG_MS = 120_000
ROWS = [{"ask": f"What is {n} plus {n}?", "reply": f"It is {n + n}."} for n in range(40)]

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    """Columns that nobody recognises, a row that is none, and three rows twice."""
    lines = [json.dumps(row) for row in [*ROWS, *ROWS[:3]]]
    lines.insert(9, "this is no JSON")
    path = tmp_path / "sums_of-twins.jsonl"
    path.write_text("\n".join(lines))
    return path


def test_a_person_registers_data_and_sees_what_is_in_them(
    page: Page, hub: RunningHub, answers: Path
) -> None:
    choose(page, hub, answers)
    say_what_the_columns_are(page)
    leave_the_bad_row_out(page)
    read_the_report(page)
    make_it_clean(page)
    see_the_tokens(page)


def choose(page: Page, hub: RunningHub, path: Path) -> None:
    page.goto(f"{hub.url}/datasets/new/")
    page.locator("input[type=file]").set_input_files(path)
    expect(page.locator("[name=name]")).to_have_value("sums of twins")
    page.get_by_role("button", name="Look at the data").click()
    page.wait_for_url(re.compile(r"/datasets/imports/\d+/$"))
    expect(page.get_by_role("button", name="Register")).to_be_visible(timeout=LONG_MS)


def say_what_the_columns_are(page: Page) -> None:
    expect(page.locator("#import")).to_contain_text("The columns have unknown names")
    page.locator("[name=kind]").select_option("prompt_completion")
    page.locator("[name=column_prompt]").select_option("ask")
    page.locator("[name=column_completion]").select_option("reply")
    marked = page.locator(".rendered .loss").first
    # A process of its own reads the rows, and the machine may be busy.
    expect(marked).to_have_text("It is 0.", timeout=LONG_MS)
    page.get_by_role("button", name="Register").click()


def leave_the_bad_row_out(page: Page) -> None:
    problem = page.locator(".notice.error")
    expect(problem).to_contain_text("line 10", timeout=LONG_MS)
    expect(page.locator("[name=column_prompt]")).to_have_value("ask")
    page.locator("[name=skip_bad]").check()
    page.get_by_role("button", name="Register").click()
    page.wait_for_url(re.compile(r"/datasets/sums-of-twins/v1/"), timeout=LONG_MS)
    expect(page.locator(".facts").first).to_contain_text("43")


def read_the_report(page: Page) -> None:
    page.get_by_role("button", name="Make a report").click()
    expect(page.locator(".verdicts")).to_contain_text("3 exact", timeout=LONG_MS)
    page.locator(".check", has_text="Exact duplicates").locator("summary").click()
    expect(page.locator(".side-by-side").first).to_contain_text("What is")


def make_it_clean(page: Page) -> None:
    page.get_by_role("button", name="Make a cleaned version").click()
    second = page.locator("#versions").get_by_role("link", name="2", exact=True)
    expect(second).to_be_visible(timeout=LONG_MS)
    second.click()
    expect(page.locator(".facts").first).to_contain_text("40")


def see_the_tokens(page: Page) -> None:
    page.locator("[name=tokenizer]").select_option("bytes")
    page.locator("[name=vocab_size]").fill("300")
    page.get_by_role("button", name="Tokenize").click()
    expect(page.locator("#tokens .token.loss").first).to_be_visible(timeout=LONG_MS)


def test_what_is_no_data_says_why_and_what_to_do(
    page: Page, hub: RunningHub, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jsonl"
    path.write_bytes(bytes(range(256)) * 100)
    page.goto(f"{hub.url}/datasets/new/")
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Look at the data").click()
    page.wait_for_url(re.compile(r"/datasets/imports/\d+/$"))
    expect(page.locator(".notice.error")).to_contain_text("no text has", timeout=LONG_MS)
    expect(page.locator(".notice.error")).to_contain_text("Nothing of it was kept")
    page.get_by_role("button", name="Discard").first.click()
    page.locator("dialog").get_by_role("button", name="Discard").click()
    expect(page.locator("#messages")).to_contain_text("Nothing of it was kept")


def test_a_form_with_mistakes_keeps_the_chosen_file(
    page: Page, hub: RunningHub, answers: Path
) -> None:
    page.goto(f"{hub.url}/datasets/new/")
    page.locator("input[type=file]").set_input_files(answers)
    page.locator("[name=licence]").fill("whatever you like")
    page.get_by_role("button", name="Look at the data").click()
    expect(page.locator("#errors")).to_contain_text("SPDX knows no")
    assert page.evaluate("document.querySelector('input[type=file]').files.length") == 1
