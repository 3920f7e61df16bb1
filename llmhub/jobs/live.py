"""Tells open pages what changed. Nothing depends on a message to arrive: pages catch up by HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

# A Redis that hangs must not hold up those who have something to tell.
SEND_SECONDS = 2

logger = logging.getLogger(__name__)


def project_topic(project_id: int) -> str:
    return f"project.{project_id}"


def job_topic(job_id: int) -> str:
    return f"job.{job_id}"


def publish(topic: str, message: dict[str, Any]) -> None:
    """Sends `message` to the pages that watch `topic`, once the transaction has committed."""
    transaction.on_commit(lambda: _send(topic, message))


def _send(topic: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    try:
        async_to_sync(_group_send)(layer, topic, event(topic, message))
    except Exception:
        # Redis only pokes: without it pages are late, and no work is lost.
        logger.warning("Could not publish to %s", topic, exc_info=True)


def event(topic: str, message: dict[str, Any]) -> dict[str, Any]:
    """What a websocket's `live_message` gets: the text is written once, however many pages hear."""
    text = json.dumps({**message, "topic": topic}, separators=(",", ":"), allow_nan=False)
    return {"type": "live.message", "topic": topic, "kind": message["type"], "text": text}


async def _group_send(layer: Any, topic: str, told: dict[str, Any]) -> None:
    await asyncio.wait_for(layer.group_send(topic, told), SEND_SECONDS)
