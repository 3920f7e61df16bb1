"""Tasks on their way to Celery: rows first, messages after.

A dispatch is written in the transaction that makes it necessary, so neither can exist without
the other. It is sent right after the commit, and again by `manage.py housekeeping` until that
worked. A message may arrive twice or, when Redis forgets, never: a claim is harmless when there
is nothing to claim, and what is queued is found by polling too.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from kombu.connection import Connection
from kombu.exceptions import OperationalError

from llmhub.celery import app
from llmhub.jobs.models import Dispatch

logger = logging.getLogger(__name__)

# A request that finds Redis dead goes on after this time; housekeeping sends later.
PATIENCE = {"max_retries": 0, "socket_connect_timeout": 1, "socket_timeout": 2}
KEEP_RELAYED = timedelta(hours=1)
AT_ONCE = 100


def enqueue(task: str, args: list[Any], queue: str = "runs") -> Dispatch:
    """Sends a task once the current transaction has committed, however often Redis dies."""
    dispatch = Dispatch.objects.create(task=task, args=args, queue=queue)
    transaction.on_commit(lambda: _relay_now(dispatch.pk))
    return dispatch


def relay() -> int:
    """Sends what waits, oldest first; returns how many were sent."""
    return _relay(Dispatch.objects.filter(relayed_at=None).order_by("pk"))


def tidy() -> None:
    Dispatch.objects.filter(relayed_at__lt=Now() - KEEP_RELAYED).delete()


def _relay_now(pk: int) -> None:
    """The short way of a fresh dispatch; what fails here is left to housekeeping."""
    try:
        _relay(Dispatch.objects.filter(pk=pk, relayed_at=None))
    except Exception:
        logger.warning("Dispatch %s waits for housekeeping", pk, exc_info=True)


@transaction.atomic
def _relay(waiting: QuerySet[Dispatch]) -> int:
    """Marks after sending: a crash in between sends twice, never not at all."""
    rows = list(waiting.select_for_update(skip_locked=True)[:AT_ONCE])
    sent = _send(rows) if rows else []
    Dispatch.objects.filter(pk__in=sent).update(relayed_at=Now())
    return len(sent)


def _send(rows: list[Dispatch]) -> list[int]:
    sent: list[int] = []
    with app.connection_for_write(transport_options=PATIENCE) as connection:
        for row in rows:
            if not _reached(connection, row):
                break
            sent.append(row.pk)
    return sent


def _reached(connection: Connection, row: Dispatch) -> bool:
    try:
        app.send_task(row.task, row.args, queue=row.queue, connection=connection, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("Redis does not take tasks: %s", error)
        return False
    return True
