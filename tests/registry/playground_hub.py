"""The hub over real sockets, with a worker that serves models and pages that ask them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client as Browser
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from llmhub.accounts.models import User
from llmhub.registry import playground_serving
from llmhub.registry.models import Serving
from tests.registry.playground_models import GREEDY
from tests.waiting import until
from workers import serving

NODE = "node-1"


class Machine:
    """What a Celery worker does for the playground, in a thread."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []

    def serve(self) -> Serving:
        """Takes the serving that waits, and looks after its process until that ends."""
        claimed = until(lambda: playground_serving.claim(NODE))
        thread = threading.Thread(target=self._look_after, args=claimed)
        thread.start()
        self._threads.append(thread)
        return claimed[0]

    def _look_after(self, taken: Serving, secret: str) -> None:
        try:
            serving.run(taken, secret)
        finally:
            connection.close()

    def wait(self) -> None:
        """Until all processes have ended by themselves."""
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def close(self) -> None:
        serving._down.set()
        self.wait()
        serving._down.clear()


class Page:
    """The playground, open in somebody's browser."""

    def __init__(self, socket: ClientConnection, version: int) -> None:
        self._socket = socket
        self._version = version

    def watch(self) -> dict[str, Any]:
        self.tell({"type": "watch", "topics": [f"playground.{self._version}"]})
        return self.hear("watching")

    def ask(self, text: str, conversation: int | None = None, **values: Any) -> dict[str, Any]:
        """The answer to the asking: that it was done, or why not."""
        asked = {"mode": "completion", "text": text, **GREEDY, **values}
        self.tell(
            {
                "type": "ask",
                "conversation": conversation,
                "versions": [self._version],
                "values": asked,
            }
        )
        return self.hear("asked", "refused")

    def tell(self, message: dict[str, Any]) -> None:
        self._socket.send(json.dumps(message))

    def hear(self, *kinds: str) -> dict[str, Any]:
        """The next message of one of the kinds; others are passed over."""
        while True:
            message = json.loads(self._socket.recv(timeout=60))
            if message["type"] in kinds:
                return dict(message)

    def hear_until_end(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """(the tokens that came one after the other, the end)"""
        tokens: list[dict[str, Any]] = []
        while (message := self.hear("tokens", "end"))["type"] == "tokens":
            assert message["first"] == len(tokens)
            tokens += message["tokens"]
        return tokens, message

    def close(self) -> None:
        self._socket.close()


@contextmanager
def open_page(hub: str, user: User, version: int) -> Iterator[Page]:
    browser = Browser()
    browser.force_login(user)
    cookie = f"{settings.SESSION_COOKIE_NAME}={browser.session.session_key}"
    opened = connect(
        f"ws://{hub}/ws/playground/?language=en",
        origin=Origin(f"http://{hub}"),
        additional_headers={"Cookie": cookie},
    )
    with suppress(ConnectionClosed), opened as socket:
        yield Page(socket, version)
