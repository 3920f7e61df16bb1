"""Three people sign a run off together, each in a browser of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e import browser as browsers
from tests.e2e.hub import RunningHub
from tests.e2e.test_main_job import reveal_and_fill

PASSWORD = "correct horse battery staple"
LONG_MS = 60_000
# A project of three in which every run is big, and a template of five items in place of the hub's.
MAKE = """
from llmhub.accounts.models import Role
from llmhub.checklists.models import LaunchRule
from tests.factories import (
    PASSWORD, join, make_dataset_version, make_item, make_project, make_template, make_user,
)
project = make_project("crew")
for name, role in (("ada", Role.MEMBER), ("ben", Role.MEMBER), ("cleo", Role.APPROVER)):
    join(make_user(f"{name}@crew.example", PASSWORD), project, role)
LaunchRule.objects.create(project=project, parameters=1_000)
make_dataset_version(project, slug="crew-text")
make_template(
    make_item("data-looked-at", depends=["data"]),
    make_item("rate-chosen", depends=["recipe"], signers=[{"role": "member", "count": 2}]),
    make_item("plan", depends=["data"], signers=[{"role": "approver"}]),
    make_item("backup", depends=["recipe"]),
    make_item("stop", how="machine", check="stopping-criteria", depends=["recipe"]),
    project=project, slug="before-training",
)
"""

pytestmark = pytest.mark.timeout(600)


@contextmanager
def signed_in(hub: RunningHub, chromium: Browser, name: str) -> Iterator[Page]:
    context = chromium.new_context(**browsers.WIDE)
    complaints = browsers.Complaints(context)
    page = context.new_page()
    page.goto(f"{hub.url}/account/login/")
    page.locator("[name=login]").fill(f"{name}@crew.example")
    page.locator("[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{hub.url}/")
    yield page
    context.close()
    assert complaints == []


def test_a_big_run_is_launched_once_three_people_have_signed_it_off(
    hub: RunningHub, chromium: Browser
) -> None:
    hub.manage("shell", "--no-imports", "-c", MAKE)
    with ExitStack() as people:
        ada, ben, cleo = (
            people.enter_context(signed_in(hub, chromium, name)) for name in ("ada", "ben", "cleo")
        )
        run = launch(ada, hub)
        refused(ada)
        ada.locator(".sign-off a").first.click()
        checklist = ada.url.partition("#")[0]
        for page in (ben, cleo):
            waits_on_the_overview(page, hub)
            page.goto(checklist)
        run_the_checks(ada, ben)
        sign(ben, "data-looked-at")
        a_group_is_signed_while_a_colleague_types(ben, cleo)
        waive(cleo, "backup")
        expect(ada.locator("#checklist")).to_contain_text("Everything is signed off")

        change_the_rate(ada, run)
        void_is_what_depends_on_it(ben)
        ada.goto(run)
        refused(ada)
        ada.goto(checklist)
        run_the_checks(ada, ben)
        sign(ben, "rate-chosen")
        sign(cleo, "rate-chosen", by_keyboard=True)
        waive(cleo, "backup")
        ada.get_by_role("button", name="Launch", exact=True).click()
        expect(ada.locator("#run-head .state")).not_to_have_text("Awaiting sign-off")
        expect(ben.locator("#checklist")).to_contain_text("Signed off")


def launch(page: Page, hub: RunningHub) -> str:
    page.goto(f"{hub.url}/runs/new/?recipe=gpt2-125m&project=crew")
    page.locator("input[name=scale][value=smoke]").check()
    page.locator("[name=name]").fill("A big one")
    page.get_by_role("button", name="Launch", exact=True).click()
    page.wait_for_url(re.compile(r"/runs/\d+/$"))
    expect(page.locator("#run-head .state")).to_have_text("Awaiting sign-off")
    return page.url


def refused(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.locator("#run-head").get_by_role("button", name="Launch", exact=True).click()
    expect(page.locator("#messages")).to_contain_text("Not launched")
    expect(page.locator("#run-head .state")).to_have_text("Awaiting sign-off")


def waits_on_the_overview(page: Page, hub: RunningHub) -> None:
    page.goto(hub.url)
    expect(page.locator("#waiting")).to_contain_text("to sign")


def expect_state(page: Page, key: str, wanted: str) -> None:
    """Without a reload: by what the hub tells."""
    place = page.locator(f"#item-{key} .item-state")
    expect(place).to_have_attribute("data-state", wanted, timeout=LONG_MS)


def run_the_checks(page: Page, colleague: Page) -> None:
    page.locator("#check-all").click()
    for each in (page, colleague):
        expect_state(each, "stop", "signed")
    expect(page.locator("#sign-stop")).to_have_count(0)


def sign(page: Page, key: str, *, by_keyboard: bool = False) -> None:
    if by_keyboard:
        page.locator(f"#item-{key}").focus()
        page.keyboard.press("s")
    else:
        page.locator(f"#sign-{key}").click()
    dialog = page.locator("#act")
    expect(dialog).to_be_visible()
    dialog.locator("[name=note]").fill("Looked at it.")
    dialog.locator("[name=password]").fill("wrong")
    dialog.get_by_role("button", name="Sign").click()
    expect(dialog).to_contain_text("not your password")
    expect(dialog.locator("[name=note]")).to_have_value("Looked at it.")
    dialog.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator(f"#item-{key} .signed")).to_contain_text(["Looked at it."])


def a_group_is_signed_while_a_colleague_types(page: Page, colleague: Page) -> None:
    """The comment that is half written, and the place in it, are not touched."""
    colleague.locator("#comment-data-looked-at").click()
    typed = colleague.locator("#act textarea")
    typed.fill("Is this ")
    sign(page, "rate-chosen")
    expect(colleague.locator("#item-rate-chosen .signed")).to_contain_text("Ben")
    expect(colleague.locator("[data-told-here]")).to_contain_text("Rate-chosen")
    typed.press_sequentially("what @ad")
    colleague.keyboard.press("Enter")
    expect(typed).to_have_value("Is this what @Ada ")
    colleague.locator("#act").get_by_role("button", name="Comment").click()
    expect(page.locator("#item-data-looked-at .comments")).to_contain_text("Is this what @Ada")
    colleague.locator("[data-key=g]").click()
    dialog = colleague.locator("#act")
    expect(dialog.locator(".act-items li")).to_have_count(3)
    dialog.get_by_role("button", name="Cancel").click()
    sign(colleague, "plan")
    sign(colleague, "rate-chosen")
    expect_state(page, "rate-chosen", "signed")


def waive(page: Page, key: str) -> None:
    page.locator(f"#item-{key}").focus()
    page.keyboard.press("w")
    dialog = page.locator("#act")
    dialog.locator("[name=reason]").fill("Nothing is lost.")
    dialog.locator("[name=owner]").select_option(label="Ben")
    dialog.locator("[name=password]").fill(PASSWORD)
    dialog.get_by_role("button", name="Waive").click()
    expect(dialog).to_be_hidden()
    expect_state(page, key, "waived")
    expect(page.locator(f"#item-{key}")).to_contain_text("Ben answers for it")
    expect(page.locator(f"#item-{key}")).to_be_focused()


def change_the_rate(page: Page, run: str) -> None:
    page.goto(f"{run}edit/")
    reveal_and_fill(page, "training.min_lr", "0")
    reveal_and_fill(page, "training.learning_rate", "0.001")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(re.compile(r"/runs/\d+/$"))


def void_is_what_depends_on_it(page: Page) -> None:
    for key, wanted in {
        "data-looked-at": "signed",
        "plan": "signed",
        "rate-chosen": "open",
        "backup": "open",
        "stop": "open",
    }.items():
        expect_state(page, key, wanted)
    changes = page.locator("#item-rate-chosen .void .changes")
    expect(changes).to_have_count(2)
    expect(changes.first).to_contain_text("training.learning_rate: 0.002 → 0.001")
    expect(page.locator("#item-data-looked-at .void")).to_have_count(0)
