"""The page's websocket: it forwards what its person may see, as long as they may."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.test import Client

from llmhub.accounts.models import Membership, Role
from llmhub.jobs import live
from llmhub.metrics import consumers, ingest, logs, outgoing
from llmhub.metrics.consumers import LiveConsumer
from llmhub.runs.live import run_topic
from tests.factories import join, make_attempt, make_user
from tests.sockets import Socket

pytestmark = pytest.mark.django_db(transaction=True)

PROBE = "probe." + "a" * 64


@pytest.fixture
def alice(project):
    return join(make_user(), project, Role.VIEWER).user


@pytest.fixture(autouse=True)
async def _layer():
    yield
    await get_channel_layer().flush()


class Page(Socket):
    """A page that is open in somebody's browser."""

    def __init__(self, user=None, origin="http://localhost"):
        self.browser = Client()
        if user is not None:
            self.browser.force_login(user)
        super().__init__("/ws/live/", self.browser.session.session_key or "", origin)

    async def watch(self, *topics):
        await self.tell({"type": "watch", "topics": topics})
        return await self.hear()

    async def hears_nothing(self):
        return await self.receive_nothing(timeout=0.3)


@pytest.fixture
async def page(alice):
    page = await sync_to_async(Page)(alice)
    assert await page.open()
    yield page
    await page.close()


in_thread = sync_to_async(thread_sensitive=False)


@in_thread
def add_points(run, losses, number=1):
    attempt = run.attempts.first() or make_attempt(run)[0]
    steps = list(range(1, len(losses) + 1))
    ingest.append(attempt, number, steps, [1000.0] * len(losses), {"train/loss": losses})


@in_thread
def publish(topic, message):
    live.publish(topic, message)


async def test_nobody_is_let_in_without_signing_in():
    page = await sync_to_async(Page)()
    assert not await page.open()


async def test_a_page_of_another_site_is_not_let_in(alice):
    page = await sync_to_async(Page)(alice, origin="http://evil.example")
    assert not await page.open()


async def test_new_points_reach_a_page_that_watches_the_run(page, run):
    topic = run_topic(run.pk)
    watching = {"type": "watching", "topics": [topic], "refused": []}
    assert await page.watch(topic) == watching | {"revisions": {topic: [0, 0]}}
    await add_points(run, [3.5, "NaN"])
    assert await page.hear() == {
        "type": "points",
        "run": run.pk,
        "epoch": 0,
        "from_rev": 0,
        "to_rev": 1,
        "columns": {
            "steps": [1, 2],
            "times": [1000.0, 1000.0],
            "series": {"train/loss": [3.5, "NaN"]},
        },
        "topic": topic,
    }


async def test_a_large_batch_is_announced_without_its_points(page, run):
    await page.watch(run_topic(run.pk))
    await add_points(run, [1.0] * 5000)
    message = await page.hear()
    assert "columns" not in message
    assert message["names"] == ["train/loss"]


async def test_more_points_than_plots_can_show_are_announced_without_them(page, run, monkeypatch):
    monkeypatch.setattr(outgoing, "POINTS_PER_SECOND", 600)
    await page.watch(run_topic(run.pk))
    for number in range(4):
        await add_points(run, [1.0] * 2, number)
    heard = [await page.hear() for _ in range(4)]
    assert ["columns" in message for message in heard] == [True, True, True, False]
    assert (heard[3]["names"], heard[3]["to_rev"]) == (["train/loss"], 4)
    await asyncio.sleep(1)
    await add_points(run, [1.0], 4)
    assert "columns" in await page.hear()


async def test_the_project_hears_the_newest_values_at_most_once_a_second(page, run, project):
    await page.watch(live.project_topic(project.pk))
    for number, loss in enumerate([3.0, 2.0, 1.0]):
        await add_points(run, [loss], number)
    first, last = await page.hear(), await page.hear()
    assert (first["type"], first["last"]) == ("summary", {"train/loss": 3.0})
    assert (last["run"], last["step"], last["last"]) == (run.pk, 1, {"train/loss": 1.0})
    assert await page.hears_nothing()


async def test_the_log_reaches_a_page_that_watches_the_run(page, run):
    await page.watch(run_topic(run.pk))
    attempt, _ = await in_thread(make_attempt)(run)
    await in_thread(logs.append)(attempt, 0, "step 1\n")
    message = await page.hear()
    assert (message["type"], message["attempt"], message["text"]) == ("log", 1, "step 1\n")
    assert (message["offset"], message["end"]) == (0, 7)


async def test_a_stranger_hears_nothing_of_a_run(run, project):
    charlie = await sync_to_async(make_user)("charlie@example.com")
    page = await sync_to_async(Page)(charlie)
    await page.open()
    topics = [run_topic(run.pk), live.project_topic(project.pk)]
    answer = await page.watch(*topics)
    assert (answer["topics"], set(answer["refused"])) == ([], set(topics))
    await add_points(run, [1.0])
    assert await page.hears_nothing()
    await page.close()


async def test_anyone_signed_in_may_wait_for_a_probe(page):
    assert (await page.watch(PROBE))["topics"] == [PROBE]
    await publish(PROBE, {"type": "probe", "state": "done"})
    assert (await page.hear())["state"] == "done"


@pytest.mark.parametrize(
    "topic", ["run.x", "run.-1", "run.99999999999999999999", "other.1", "probe.1", ""]
)
async def test_a_topic_that_cannot_be_is_refused(page, topic):
    assert (await page.watch(topic))["refused"] == [topic]


async def test_a_page_that_stopped_watching_hears_no_more(page, run):
    topic = run_topic(run.pk)
    await page.watch(topic)
    await page.tell({"type": "unwatch", "topics": [topic]})
    await page.watch(PROBE)
    await add_points(run, [1.0])
    assert await page.hears_nothing()


NONSENSE = [
    "",
    "{",
    "[]",
    "1",
    '{"type": "shout"}',
    '{"type": "watch"}',
    '{"type": "watch", "topics": [1]}',
    "[" * 30_000,
    '{"type": "watch", "topics": ["' + "x" * 40_000 + '"]}',
]


@pytest.mark.parametrize("text", NONSENSE)
async def test_a_message_that_makes_no_sense_is_answered_with_an_error(page, text):
    await page.send_input({"type": "websocket.receive", "text": text})
    assert (await page.hear())["type"] == "error"
    assert (await page.watch(PROBE))["topics"] == [PROBE]


async def test_there_is_an_end_to_the_topics_of_one_page(page):
    first = [f"probe.{number:064x}" for number in range(consumers.MAX_TOPICS)]
    assert len((await page.watch(*first[:150]))["topics"]) == 150
    more = [f"probe.{number:064x}" for number in range(500, 600)]
    assert (await page.watch(*more))["type"] == "error"
    assert (await page.watch(*first, *more))["type"] == "error"


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(LiveConsumer, "recheck_seconds", 0.05)


async def test_who_leaves_the_project_hears_no_more(often, page, run, alice):
    topic = run_topic(run.pk)
    await page.watch(topic)
    await sync_to_async(Membership.objects.all().delete)()
    assert await page.hear() == {"type": "watching", "topics": [], "refused": [topic]}
    await add_points(run, [1.0])
    assert await page.hears_nothing()


@pytest.mark.parametrize("end", ["sign out", "new password", "deactivated"])
async def test_who_is_no_longer_signed_in_hears_no_more(often, page, alice, end):
    await page.watch(PROBE)

    def act():
        if end == "sign out":
            page.browser.logout()
        elif end == "new password":
            alice.set_password("correct horse battery")
            alice.save()
        else:
            alice.is_active = False
            alice.save()

    await sync_to_async(act)()
    assert (await page.hear())["refused"] == [PROBE]


async def test_a_page_that_is_closed_leaves_nothing_behind(alice, run):
    page = await sync_to_async(Page)(alice)
    await page.open()
    await page.watch(run_topic(run.pk))
    await page.close()
    assert not get_channel_layer().groups
