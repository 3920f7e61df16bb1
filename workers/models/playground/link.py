"""The way to the hub and back: a websocket that this process opens, with a token worth one model.

What is written goes out from a thread of its own, as many tokens at once as have come together, so
that a slow network does not slow the model down.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

Message = dict[str, Any]

MOST_BYTES = 16 * 2**20
LOOK_SECONDS = 1.0
# The hub may be restarted meanwhile; nobody can ask for longer than this, so the process ends.
PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 0.5


class HubIsGone(Exception):
    """Not reached, or it does not want this process any more."""


class Link:
    def __init__(self, hub_url: str, serving: int, secret: str) -> None:
        parts = urlsplit(hub_url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        path = f"{parts.path.rstrip('/')}/ws/playground/process/{serving}/"
        self._url = f"{scheme}://{parts.netloc}{path}"
        self._options: dict[str, Any] = {
            "additional_headers": {"Authorization": f"Bearer {secret}"},
            "origin": f"{parts.scheme}://{parts.netloc}",
            "max_size": MOST_BYTES,
            "compression": None,
        }
        self._outgoing: queue.Queue[Message] = queue.Queue()
        self._socket: ClientConnection | None = None
        self._held = ExitStack()
        threading.Thread(target=self._send_all, daemon=True).start()

    def put(self, message: Message) -> None:
        """Never waits. What is put while there is no connection is lost: nobody waits for it."""
        self._outgoing.put(message)

    def connect(self) -> None:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while self._socket is None:
            try:
                self._socket = self._held.enter_context(connect(self._url, **self._options))
            except InvalidStatus as error:
                # The hub is there, and this process is not wanted any more.
                raise HubIsGone(str(error)) from error
            except (OSError, WebSocketException) as error:
                if time.monotonic() > give_up:
                    raise HubIsGone(str(error)) from error
                time.sleep(RETRY_SECONDS)

    def incoming(self) -> Iterator[Message | None]:
        """What the hub says; None after a while in which it says nothing.

        Ends when the connection does.
        """
        socket = self._socket
        assert socket is not None, "connect first"
        with suppress(OSError, WebSocketException):
            while True:
                try:
                    yield json.loads(socket.recv(timeout=LOOK_SECONDS))
                except TimeoutError:
                    yield None
        self._socket = None
        with suppress(OSError, WebSocketException):
            self._held.close()

    def _send_all(self) -> None:
        while True:
            messages = joined(self._taken())
            socket = self._socket
            if socket is None:
                continue
            with suppress(OSError, WebSocketException):
                for message in messages:
                    socket.send(json.dumps(message))

    def _taken(self) -> list[Message]:
        """Waits for one, then takes all there are."""
        taken = [self._outgoing.get()]
        with suppress(queue.Empty):
            while True:
                taken.append(self._outgoing.get_nowait())
        return taken

    def flush(self) -> None:
        """Waits a moment for what was put last to leave."""
        give_up = time.monotonic() + 2
        while not self._outgoing.empty() and time.monotonic() < give_up:
            time.sleep(0.01)
        time.sleep(0.05)


def joined(messages: list[Message]) -> list[Message]:
    """Tokens of one answer that follow each other become one message."""
    together: list[Message] = []
    for message in messages:
        last = together[-1] if together else {}
        is_more = message["type"] == "tokens" == last.get("type")
        if is_more and message["answer"] == last["answer"]:
            last["tokens"] = last["tokens"] + message["tokens"]
        else:
            together.append(dict(message))
    return together
