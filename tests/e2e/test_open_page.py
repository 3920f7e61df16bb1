"""A page of a run that stays open: it follows what happens, and asks for no more than that."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.browser import eventually
from tests.e2e.hub import RunningHub

MAKE_RUN = """
from llmhub.accounts.models import Project
from llmhub.runs.states import State
from tests.factories import make_run
print(make_run(Project.objects.first(), State.SUCCEEDED, name="over").pk)
"""
JOINED = "document.querySelector('.connection')?.dataset.state === 'live'"
# Long enough for a page that wakes itself to do so some twenty times.
WATCHED_MS = 5000


class Traffic:
    """What a page sends to its hub."""

    def __init__(self, page: Page) -> None:
        self.requests: list[str] = []
        self.frames: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", lambda socket: socket.on("framesent", self.sent))

    def sent(self, frame: str) -> None:
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
    code = (
        "from llmhub.runs.live import publish, run_topic; from llmhub.runs.models import Run; "
        f"Run.objects.filter(pk={run_id}).update(name={name!r}); "
        f"publish(run_topic({run_id}), {message | {'run': run_id}!r})"
    )
    in_hub(hub, code)


def open_run(page: Page, hub: RunningHub, run_id: int) -> None:
    page.goto(f"{hub.url}/runs/{run_id}/")
    eventually(page, JOINED)
    page.wait_for_load_state("networkidle")


def test_one_live_message_is_answered_by_one_request(
    page: Page, hub: RunningHub, run_id: int
) -> None:
    traffic = Traffic(page)
    open_run(page, hub, run_id)
    traffic.forget()
    publish(hub, run_id, "over", type="checkpoint", step=1)
    page.wait_for_timeout(WATCHED_MS)
    assert traffic.requests == [f"{hub.url}/runs/{run_id}/"]
    assert traffic.frames == []


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
