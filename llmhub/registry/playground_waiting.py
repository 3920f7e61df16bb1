"""A script waits for its answer in the request that asks: it is told, and does not ask again."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer
from django.db import connection

from llmhub.registry import playground_serving as serving
from llmhub.registry.models import Answer

# Redis may lose the news: the database has it all the same.
LOOK_SECONDS = 5.0


def answered(answer: Answer, seconds: float) -> Answer:
    """Once it is over, or as it is after so long."""
    async_to_sync(_wait)(answer, seconds)
    answer.refresh_from_db()
    return answer


async def _wait(answer: Answer, seconds: float) -> None:
    layer, topic = get_channel_layer(), serving.answer_topic(answer.pk)
    channel = await layer.new_channel()
    await layer.group_add(topic, channel)
    try:
        await sync_to_async(_wake)(answer.version_id)
        give_up = time.monotonic() + seconds
        while (left := give_up - time.monotonic()) > 0:
            with suppress(TimeoutError):
                event = await asyncio.wait_for(layer.receive(channel), min(left, LOOK_SECONDS))
                if event["kind"] == "end":
                    return
            if await sync_to_async(_is_over)(answer.pk):
                return
    finally:
        await layer.group_discard(topic, channel)


def _wake(version_id: int) -> None:
    serving.wake(version_id)
    _let_go()


def _is_over(answer_id: int) -> bool:
    is_over = not Answer.objects.open().filter(pk=answer_id).exists()
    _let_go()
    return is_over


def _let_go() -> None:
    """Back to the pool: scripts that wait must not keep the pages from the database."""
    if not connection.in_atomic_block:
        connection.close()
