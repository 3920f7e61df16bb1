"""What is still to be sent to one page: bounded, and no more than its plots can show.

Summaries go at most once a second a run. Of points so much a second goes as it is; beyond
that a page is told only that there are more, and fetches what its plots have room for.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

Message = dict[str, Any]

# A page that is further behind reads too slowly; fetching the points again is cheaper.
MAX_WAITING_BYTES = 4 * 1024 * 1024
SUMMARY_SECONDS = 1.0
# Letters of points: a hundred runs of ten metrics that log once a second stay below it.
POINTS_PER_SECOND = 200_000


class TooSlow(Exception):
    """The page does not read what it is sent."""


class Outgoing:
    def __init__(self, send: Callable[..., Awaitable[None]]) -> None:
        self._send = send
        self._texts: deque[str] = deque()
        self._waiting_bytes = 0
        # Per topic and run, while a second has not passed: the summary that waits for its end.
        self._held: dict[tuple[str, int], Message | None] = {}
        self._something = asyncio.Event()
        self._second = 0.0
        self._points = 0

    def put(self, kind: str, text: str) -> None:
        """Takes a message, as JSON, without waiting; raises TooSlow."""
        if kind == "summary":
            self._put_summary(json.loads(text))
        elif kind == "points" and not self._is_within_budget(text):
            self._put_text(announcement(text))
        else:
            self._put_text(text)

    async def run(self) -> None:
        """Sends what comes until it is cancelled or the page is gone."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._texts:
                text = self._texts[0]
                await self._send(text_data=text)
                self._texts.popleft()
                self._waiting_bytes -= len(text)

    def _put_text(self, text: str) -> None:
        if self._waiting_bytes + len(text) > MAX_WAITING_BYTES:
            raise TooSlow
        self._waiting_bytes += len(text)
        self._texts.append(text)
        self._something.set()

    def _is_within_budget(self, text: str) -> bool:
        now = asyncio.get_running_loop().time()
        if now - self._second >= 1:
            self._second, self._points = now, 0
        self._points += len(text)
        return self._points <= POINTS_PER_SECOND

    def _put_summary(self, message: Message) -> None:
        """The first goes at once; those of the second after it become one, sent at its end."""
        key = (message["topic"], message["run"])
        if key not in self._held:
            self._put_text(written(message))
            self._hold(key)
            return
        held = self._held[key]
        last = held["last"] if held else {}
        self._held[key] = {**message, "last": {**last, **message["last"]}}

    def _hold(self, key: tuple[str, int]) -> None:
        self._held[key] = None
        asyncio.get_running_loop().call_later(SUMMARY_SECONDS, self._release, key)

    def _release(self, key: tuple[str, int]) -> None:
        held = self._held.pop(key)
        if held is None:
            return
        # A page that is too slow for this one is cut off at the next message.
        with suppress(TooSlow):
            self._put_text(written(held))
            self._hold(key)


def written(message: Message) -> str:
    return json.dumps(message, separators=(",", ":"), allow_nan=False)


def announcement(text: str) -> str:
    """That there are points, and of which metrics, without the points."""
    message = json.loads(text)
    columns = message.pop("columns", None)
    return written({**message, "names": list(columns["series"])} if columns else message)
