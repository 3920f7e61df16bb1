"""The page's websocket: it says which topics it watches and is told what happens there.

It authorises and forwards, nothing else: all database work of websockets shares one thread.
Nothing sent here has to arrive; a page that reads too slowly is cut off and catches up over HTTP.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from typing import Any

from channels.db import database_sync_to_async
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from llmhub.metrics import topics
from llmhub.metrics.outgoing import Outgoing, TooSlow

MAX_TOPICS = 200
MAX_MESSAGE_BYTES = 32 * 1024
# Rights end and people sign out while a page is open.
RECHECK_SECONDS = 60

logger = logging.getLogger(__name__)


class BadMessage(ValueError):
    """What is wrong with what the page sent."""


class LiveConsumer(AsyncWebsocketConsumer):
    recheck_seconds = RECHECK_SECONDS

    async def connect(self) -> None:
        self.topics: set[str] = set()
        self.tasks: list[asyncio.Task[None]] = []
        if not self.scope["user"].is_authenticated:
            await self.close()
            return
        await self.accept()
        self.outgoing = Outgoing(self.send)
        self.tasks = [asyncio.create_task(work) for work in (self._forward(), self._recheck())]

    async def disconnect(self, code: int) -> None:
        await self._leave(set(self.topics))
        for task in self.tasks:
            task.cancel()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            kind, named = _parse(text_data)
        except BadMessage as error:
            await self._tell({"type": "error", "error": str(error)})
            return
        if kind == "watch":
            await self._watch(named)
        else:
            await self._leave(named & self.topics)

    async def live_message(self, event: dict[str, Any]) -> None:
        """From `jobs.live.publish`, by way of Redis."""
        # One that was on its way when the page left is not for it any more.
        if event["topic"] in self.topics:
            await self._put(event["kind"], event["text"])

    async def _watch(self, named: set[str]) -> None:
        allowed = await self._allowed(named)
        if len(self.topics | allowed) > MAX_TOPICS:
            await self._tell({"type": "error", "error": f"more than {MAX_TOPICS} topics"})
            return
        # Joining again what is joined costs nothing and outlives the layer's group_expiry.
        for topic in allowed:
            await self.channel_layer.group_add(topic, self.channel_name)
        self.topics |= allowed
        await self._leave((named - allowed) & self.topics)
        # Only now: whatever comes after these revisions is told.
        revisions = await database_sync_to_async(topics.revisions)(allowed)
        await self._tell(_watching(allowed, refused=named - allowed) | {"revisions": revisions})

    async def _leave(self, left: set[str]) -> None:
        for topic in left:
            await self.channel_layer.group_discard(topic, self.channel_name)
        self.topics -= left

    async def _forward(self) -> None:
        # A page that is gone is reported to `disconnect` as well.
        with suppress(OSError):
            await self.outgoing.run()

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(self.recheck_seconds)
            try:
                allowed = await self._allowed(self.topics)
            except Exception:
                # The database may be away for a moment; the next minute asks again.
                logger.exception("Could not check what a page may watch")
                continue
            if lost := self.topics - allowed:
                await self._leave(lost)
                await self._tell(_watching(set(), refused=lost))

    async def _allowed(self, named: set[str]) -> set[str]:
        key = self.scope["session"].session_key
        found: set[str] = await database_sync_to_async(topics.allowed)(key, named)
        return found

    async def _tell(self, message: dict[str, Any]) -> None:
        await self._put(message["type"], json.dumps(message, separators=(",", ":")))

    async def _put(self, kind: str, text: str) -> None:
        try:
            self.outgoing.put(kind, text)
        except TooSlow:
            await self.disconnect(1013)
            raise StopConsumer from None


def _parse(text: str | None) -> tuple[str, set[str]]:
    if text is None or len(text) > MAX_MESSAGE_BYTES:
        raise BadMessage(f"a text of at most {MAX_MESSAGE_BYTES} characters")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise BadMessage("not JSON") from None
    if not isinstance(message, dict) or message.get("type") not in ("watch", "unwatch"):
        raise BadMessage("type: watch or unwatch")
    named = message.get("topics")
    if not isinstance(named, list) or not all(isinstance(topic, str) for topic in named):
        raise BadMessage("topics: a list of names")
    if len(named) > MAX_TOPICS:
        raise BadMessage(f"topics: at most {MAX_TOPICS}")
    return message["type"], set(named)


def _watching(joined: set[str], refused: set[str]) -> dict[str, Any]:
    return {"type": "watching", "topics": sorted(joined), "refused": sorted(refused)}
