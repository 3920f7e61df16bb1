"""The whole way over real sockets: a training script, uvicorn, Valkey, a page."""

import json
import threading
from contextlib import ExitStack, suppress
from secrets import token_hex

import pytest
from django.conf import settings
from django.test import Client as Browser
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from llmhub.client import Client
from llmhub.jobs.live import publish
from llmhub.metrics import query
from llmhub.runs.live import run_topic
from tests.factories import join, make_attempt, make_user
from tests.serving import serving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hub():
    with serving() as address:
        yield address


@pytest.fixture
def page(hub, run):
    """Opens websockets that watch the run."""
    browser = Browser()
    browser.force_login(join(make_user(), run.project).user)
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.session.session_key}"
    headers = {"Cookie": cookie}

    with ExitStack() as open_pages:

        def open_page():
            origin = Origin(f"http://{hub}")
            socket = connect(f"ws://{hub}/ws/live/", origin=origin, additional_headers=headers)
            opened = open_pages.enter_context(socket)
            opened.send(json.dumps({"type": "watch", "topics": [run_topic(run.pk)]}))
            assert json.loads(opened.recv())["topics"]
            return opened

        yield open_page


def test_what_a_script_logs_reaches_an_open_page_and_the_database(hub, run, page, tmp_path):
    _, secret = make_attempt(run)
    watching = page()
    seen: dict[int, float] = {}
    with Client(f"http://{hub}", run.pk, secret, tmp_path) as client:
        for step in range(200):
            client.log(step, {"train/loss": step / 3})
        while len(seen) < 200:
            columns = json.loads(watching.recv(timeout=20))["columns"]
            seen |= dict(zip(columns["steps"], columns["series"]["train/loss"], strict=True))
    assert client.troubles == {}
    assert seen == {step: step / 3 for step in range(200)}
    stored = query.points(run)["columns"]
    assert (stored["steps"], stored["series"]["train/loss"]) == (list(seen), list(seen.values()))


def read_to_the_end(page):
    received = []
    with suppress(ConnectionClosed):
        while True:
            received.append(page.recv(timeout=20))
    return received


def test_a_page_that_does_not_read_is_cut_off_and_the_others_are_not(run, page):
    slow, quick = page(), page()
    heard: list[str] = []

    def read():
        while not heard or heard[-1] != "last":
            heard.append(json.loads(quick.recv(timeout=20))["text"])

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(300):
        # Random, for the socket compresses.
        publish(run_topic(run.pk), {"type": "log", "text": token_hex(50_000)})
    publish(run_topic(run.pk), {"type": "log", "text": "last"})
    reader.join()
    assert len(heard) == 301
    # What lay in the sockets' own buffers is still read, then the line is dead.
    assert len(read_to_the_end(slow)) < 200
