"""A page of a run that stays open: it follows what happens, and asks for no more than that."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, WebSocket, expect

from tests.e2e.browser import eventually
from tests.e2e.hub import RunningHub

MAKE_RUN = """
from llmhub.accounts.models import Project
from llmhub.runs.states import State
from tests.factories import make_run
print(make_run(Project.objects.first(), State.SUCCEEDED, name="over").pk)
"""
PUBLISH = """
from llmhub.jobs.live import project_topic, publish
from llmhub.runs.live import run_topic
from llmhub.runs.models import Run
run = Run.objects.get(pk={run_id})
run.name = {name!r}
run.save(update_fields=["name"])
publish(run_topic(run.pk), {message!r})
publish(project_topic(run.project_id), {message!r})
"""
WRITE_LOG = """
from llmhub.metrics import logs
from llmhub.runs.models import Run
from tests.factories import make_attempt
attempt, _ = make_attempt(Run.objects.get(pk={run_id}), state=None)
for number in range({pieces}):
    logs.append(attempt, number * {size}, str(number).rjust({size}, "."))
"""
WRITTEN_BY_A_SCRIPT = """
from llmhub.accounts.models import Project
from llmhub.metrics import logs
from llmhub.runs.states import State
from tests.factories import make_attempt, make_external_run
run = make_external_run(Project.objects.first(), State.SUCCEEDED)
attempt, _ = make_attempt(run, state=None)
end = 0
for start in range(0, 60_000, 1_500):
    found = {6_000: "the needle one\\n", 30_000: "THE needle two\\n"}.get(start, "")
    lines = "".join(f"line {number}\\n" for number in range(start, start + 1_500))
    end = logs.append(attempt, end, found + lines)
print(run.pk)
"""
SHOWN = "document.querySelector('run-log pre').textContent"
JOINED = "document.querySelector('.connection')?.dataset.state === 'live'"
# Long enough for a page that wakes itself to do so some twenty times.
WATCHED_MS = 5000
# A page that was just opened joins, and fetches once what it may have missed before.
SETTLED_MS = 2000


class Traffic:
    """What a page sends to its hub."""

    def __init__(self, page: Page) -> None:
        self.requests: list[str] = []
        self.frames: list[str | bytes] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", self.listen)

    def listen(self, socket: WebSocket) -> None:
        socket.on("framesent", self.sent)

    def sent(self, frame: str | bytes) -> None:
        self.frames.append(frame)

    def forget(self) -> None:
        self.requests.clear()
        self.frames.clear()


@pytest.fixture(scope="module")
def run_id(hub: RunningHub) -> int:
    return int(in_hub(hub, MAKE_RUN).split()[-1])


def in_hub(hub: RunningHub, code: str) -> str:
    return hub.manage("shell", "--no-imports", "-c", code)


def publish(hub: RunningHub, run_id: int, name: str, **message: object) -> None:
    """One live message about the run, which is called `name` from then on."""
    in_hub(hub, PUBLISH.format(run_id=run_id, name=name, message=message | {"run": run_id}))


def open_run(page: Page, hub: RunningHub, run_id: int) -> None:
    page.goto(f"{hub.url}/runs/{run_id}/")
    eventually(page, JOINED)
    page.wait_for_load_state("networkidle")


def test_one_live_message_has_each_part_that_it_concerns_fetched_once(
    page: Page, hub: RunningHub, run_id: int
) -> None:
    traffic = Traffic(page)
    open_run(page, hub, run_id)
    traffic.forget()
    publish(hub, run_id, "over", type="checkpoint", step=1)
    page.wait_for_timeout(WATCHED_MS)
    marks, list_of_them = f"{hub.url}/compare/marks/?runs={run_id}", f"{hub.url}/runs/{run_id}/"
    assert sorted(traffic.requests) == [marks, list_of_them]
    assert traffic.frames == []


def test_a_run_that_moves_has_the_overview_fetched_once(
    page: Page, hub: RunningHub, run_id: int
) -> None:
    traffic = Traffic(page)
    page.goto(hub.url)
    page.wait_for_timeout(SETTLED_MS)
    traffic.forget()
    publish(hub, run_id, "moved", type="run", state="stopped", want="stop", step=0)
    expect(page.locator("#overview")).to_contain_text("moved")
    page.wait_for_timeout(WATCHED_MS)
    assert len(traffic.requests) == 1
    assert traffic.frames == []


def test_the_list_shows_a_run_that_came_after_it(page: Page, hub: RunningHub, run_id: int) -> None:
    page.goto(f"{hub.url}/runs/?filter=later")
    page.wait_for_timeout(SETTLED_MS)
    assert page.locator("#runs-live tbody tr").count() == 0
    publish(hub, run_id, "later", type="run", state="succeeded", want="run", step=0)
    expect(page.locator("#runs-live tbody tr")).to_have_count(1)


def test_what_happens_while_the_page_is_fetched_is_shown(
    page: Page, hub: RunningHub, run_id: int
) -> None:
    open_run(page, hub, run_id)
    on_their_way: list[Route] = []
    # The hub's answer is made at once and reaches the page when it is let through.
    page.route(f"**/runs/{run_id}/", lambda route: on_their_way.append(route), times=1)
    publish(hub, run_id, "first", type="run", state="stopping", want="stop", step=0)
    while not on_their_way:
        page.wait_for_timeout(50)
    answer = on_their_way[0].fetch()
    publish(hub, run_id, "last", type="run", state="stopped", want="stop", step=0)
    page.wait_for_timeout(500)
    on_their_way[0].fulfill(response=answer)
    expect(page.locator("h1")).to_have_text("last")


def test_the_page_keeps_the_end_of_a_log_and_loads_what_it_dropped(
    page: Page, hub: RunningHub, run_id: int
) -> None:
    open_run(page, hub, run_id)
    page.goto(f"{page.url}#log")
    size = 200_000
    in_hub(hub, WRITE_LOG.format(run_id=run_id, pieces=8, size=size))
    eventually(page, f"{SHOWN}.endsWith('.7')")
    assert page.evaluate(f"{SHOWN}.length") == 5 * size
    page.get_by_role("button", name="Load older lines").click()
    eventually(page, f"{SHOWN}.length === {6 * size}")
    assert page.evaluate(f"{SHOWN}[{size} - 1]") == "2"


def test_a_text_far_back_in_a_log_is_shown_without_what_lies_between(
    page: Page, hub: RunningHub
) -> None:
    open_run(page, hub, int(in_hub(hub, WRITTEN_BY_A_SCRIPT).split()[-1]))
    page.goto(f"{page.url}#log")
    eventually(page, f"{SHOWN}.includes('line 59999')")
    page.get_by_placeholder("Search the log").fill("the NEEDLE")
    expect(page.locator("[data-count]")).to_have_text("1 of 2")
    assert page.evaluate(f"{SHOWN}.includes('needle two')")
    assert page.evaluate(f"{SHOWN}.length") < 600_000
    page.get_by_role("button", name="Older match").click()
    expect(page.locator("[data-count]")).to_have_text("2 of 2")
    assert page.evaluate(f"{SHOWN}.includes('needle one')")
    assert page.evaluate("CSS.highlights.get('log-line').size") == 1
    assert not page.locator("[data-follow]").is_checked()
    # Back at the end, which was not loaded meanwhile.
    assert not page.evaluate(f"{SHOWN}.includes('line 59999')")
    page.locator("[data-follow]").check()
    eventually(page, f"{SHOWN}.includes('line 59999')")
