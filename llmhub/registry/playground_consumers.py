"""The websockets of the playground: of a person's page, and of the process that holds a model.

They authorise and forward. What a page loses on the way stands in the last message of an answer.
"""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import DataError
from django.utils import translation

from llmhub.datasets.problems import explain
from llmhub.jobs import live
from llmhub.lib.problems import TEXTS, Problem
from llmhub.metrics.consumers import LiveConsumer
from llmhub.registry import playground_asking as asking
from llmhub.registry import playground_serving as serving
from llmhub.registry import playground_topics as topics
from llmhub.registry.models import Serving

# Messages that may carry a problem, which each page reads in its language.
WITH_PROBLEM = frozenset({"model", "end"})
MAX_ASK_BYTES = 2 * 2**20
MAX_ANSWER_BYTES = 16 * 2**20

logger = logging.getLogger(__name__)


class PlaygroundConsumer(LiveConsumer):
    """Beside watching, a page asks. When it closes, nobody waits for its answers any more."""

    async def connect(self) -> None:
        self.asked: set[int] = set()
        await super().connect()

    async def disconnect(self, code: int) -> None:
        await super().disconnect(code)
        unheard, self.asked = self.asked, set()
        if unheard:
            await database_sync_to_async(serving.cancel)(unheard)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        message = _read(text_data, MAX_ASK_BYTES)
        if message.get("type") == "ask":
            await self._ask(message)
        elif message.get("type") == "stop":
            await database_sync_to_async(serving.cancel)(set(self.asked))
        elif message.get("type") == "wake":
            await self._wake()
        else:
            await super().receive(text_data, bytes_data)

    async def live_message(self, event: dict[str, Any]) -> None:
        # One that was on its way when the page left is not for it any more.
        if event["topic"] not in self.topics:
            return
        if event["kind"] not in WITH_PROBLEM:
            await self._put(event["kind"], event["text"])
            return
        message = json.loads(event["text"])
        await self._tell(self._explained(message))
        if message["type"] == "end":
            self.asked.discard(message["answer"])
            await self._leave({event["topic"]})

    async def _watch(self, named: set[str]) -> None:
        await super()._watch(named)
        await self._tell_states()
        heard = topics.answers_in(named & self.topics)
        for end in await database_sync_to_async(asking.ended)(heard):
            await self.live_message(live.event(end["topic"], end))

    async def _wake(self) -> None:
        key = self.scope["session"].session_key
        await database_sync_to_async(asking.wake)(key, topics.versions_in(self.topics))
        await self._tell_states()

    async def _tell_states(self) -> None:
        versions = topics.versions_in(self.topics)
        for state in await database_sync_to_async(asking.states)(versions):
            await self._tell(self._explained(state))

    async def _ask(self, message: dict[str, Any]) -> None:
        key = self.scope["session"].session_key
        asked = await database_sync_to_async(self._in_language)(asking.ask, key, message)
        self.asked |= asked.answers
        # Joined before anybody writes.
        for answer in asked.answers:
            topic = serving.answer_topic(answer)
            await self.channel_layer.group_add(topic, self.channel_name)
            self.topics.add(topic)
        await self._tell(asked.message | {"topic": str(message.get("topic", ""))})
        for version in asked.versions:
            await database_sync_to_async(serving.wake)(version)

    async def _allowed(self, named: set[str]) -> set[str]:
        key = self.scope["session"].session_key
        found: set[str] = await database_sync_to_async(topics.allowed)(key, named)
        return found

    def _explained(self, message: dict[str, Any]) -> dict[str, Any]:
        if not message.get("problem"):
            return message
        return message | {"problem": self._in_language(_said, message["problem"])}

    def _in_language(self, work: Any, *values: Any) -> Any:
        asked = parse_qs(self.scope["query_string"].decode("ascii", "replace")).get(
            "language", [""]
        )
        known = asked[0] if translation.check_for_language(asked[0]) else None
        with translation.override(known or "en"):
            return work(*values)


class ProcessConsumer(AsyncWebsocketConsumer):
    """Of the process that holds a version, with the token that its machine got for it."""

    async def connect(self) -> None:
        self.serving = int(self.scope["url_route"]["kwargs"]["serving_id"])
        self.answers: set[int] = set()
        self.is_let_in = await database_sync_to_async(_may_speak)(self.serving, self.scope)
        if not self.is_let_in:
            await self.close()
            return
        await self.channel_layer.group_add(serving.serving_topic(self.serving), self.channel_name)
        await self.accept()
        await database_sync_to_async(serving.lose_answers)(self.serving)

    async def disconnect(self, code: int) -> None:
        if self.is_let_in:
            topic = serving.serving_topic(self.serving)
            await self.channel_layer.group_discard(topic, self.channel_name)
            await database_sync_to_async(serving.lose_answers)(self.serving)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        message = _read(text_data, MAX_ANSWER_BYTES)
        try:
            await self._obey(message)
        except (KeyError, TypeError, ValueError, DataError) as error:
            # It is ours, so this is a fault of ours; or somebody has got hold of its token.
            logger.warning("Serving %s said what nobody understands: %r", self.serving, error)
            await self.close(4400)

    async def _obey(self, message: dict[str, Any]) -> None:
        kind = message.get("type", "")
        if kind in {"tokens", "draft"}:
            await self._forward(message)
        elif kind in SAYINGS:
            await database_sync_to_async(SAYINGS[kind])(self.serving, message)
        elif kind == "idle" and await database_sync_to_async(serving.end_idle)(self.serving):
            await self._say({"type": "go"})
        if kind == "ready":
            await self._look()
        elif kind in {"end", "refused"}:
            self.answers.discard(message["answer"])

    async def live_message(self, event: dict[str, Any]) -> None:
        if event["kind"] == "look":
            await self._look()
        else:
            await self.send(text_data=event["text"])

    async def _look(self) -> None:
        for question in await database_sync_to_async(serving.take)(self.serving):
            self.answers.add(question["answer"])
            await self._say(question)

    async def _forward(self, message: dict[str, Any]) -> None:
        """Straight on, without the database: tokens are many. Only answers that it was given."""
        if message.get("answer") not in self.answers:
            return
        topic = serving.answer_topic(message["answer"])
        await self.channel_layer.group_send(topic, live.event(topic, message))

    async def _say(self, message: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(message))


def _ready(serving_id: int, message: dict[str, Any]) -> None:
    serving.ready(serving_id, message["facts"])


def _failed(serving_id: int, message: dict[str, Any]) -> None:
    serving.end(Serving.objects.get(pk=serving_id), _problem(message))


def _end(serving_id: int, message: dict[str, Any]) -> None:
    serving.finish(message["answer"], serving_id, message)


def _refused(serving_id: int, message: dict[str, Any]) -> None:
    serving.refuse(message["answer"], serving_id, _problem(message))


SAYINGS = {"ready": _ready, "failed": _failed, "end": _end, "refused": _refused}


def _problem(message: dict[str, Any]) -> Problem:
    found = message["problem"]
    known = found["code"] in TEXTS
    return Problem(found["code"], **found["values"]) if known else Problem("playground_lost")


def _may_speak(serving_id: int, scope: dict[str, Any]) -> bool:
    header = dict(scope["headers"]).get(b"authorization", b"").decode("ascii", "replace")
    scheme, _, secret = header.partition(" ")
    return scheme == "Bearer" and serving.by_secret(serving_id, secret) is not None


def _said(problem: dict[str, Any]) -> dict[str, str]:
    explained = explain(problem)
    return {"text": explained.text, "advice": explained.advice} if explained else {}


def _read(text: str | None, most: int) -> dict[str, Any]:
    """What cannot be read is nothing: `LiveConsumer` says so to a page."""
    if text is None or len(text) > most:
        return {}
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}
