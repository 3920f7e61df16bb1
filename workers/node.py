"""The agent of this machine, a thread in Celery's worker: it shows the machine to the hub, adopts
attempts whose supervisor died, and looks for queued runs itself, in case Redis forgot them.
"""

from __future__ import annotations

import functools
import logging
import threading
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from llmhub.metrics import fold
from llmhub.registry import playground_serving
from llmhub.runs.chores import Chore, tend_until
from llmhub.runs.models import Worker
from workers import devices, jobs, launcher, serving

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5
ADOPT_SECONDS = 10
CLAIM_SECONDS = 5
FOLD_SECONDS = 30
TEND_SECONDS = 30
# After this time a GPU that came or went is noticed.
LOOK_SECONDS = 60


def register() -> Worker:
    """The row of this machine, up to date."""
    now = offer() | {
        "disk_free_bytes": devices.disk_free_bytes(settings.HUB_DATA),
        "last_seen_at": Now(),
    }
    worker, _ = Worker.objects.update_or_create(
        name=settings.HUB_NODE,
        defaults=now,
        create_defaults={"slots": 0} | now,
    )
    return worker


@functools.cache
def offer() -> dict[str, Any]:
    """What changes rarely and takes long to ask."""
    return trainable() | {
        "cpu_count": devices.cpu_count(),
        "memory_bytes": devices.memory_bytes(),
        "versions": devices.versions(),
    }


def trainable() -> dict[str, Any]:
    """What runs are trained on. Nothing where it cannot be known: what was known last stands."""
    try:
        offered = devices.devices()
    except devices.NoAnswer as error:
        logger.warning(
            "nvidia-smi does not say which GPUs there are (%s). Set CUDA_VISIBLE_DEVICES=-1 to "
            "train on the processor.",
            error,
        )
        return {}
    return {"devices": offered, "slots": settings.HUB_SLOTS or devices.slots(offered)}


def this_worker() -> Worker:
    return Worker.objects.filter(name=settings.HUB_NODE).first() or register()


def claim_runs() -> int:
    return launcher.fill_slots(this_worker())


class Agent(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="node-agent", daemon=True)
        self._over = threading.Event()

    def run(self) -> None:
        chores = [
            Chore(offer.cache_clear, every=LOOK_SECONDS),
            Chore(register, every=BEAT_SECONDS),
            Chore(launcher.adopt_orphans, every=ADOPT_SECONDS),
            Chore(claim_runs, every=CLAIM_SECONDS),
            Chore(jobs.fill_slots, every=CLAIM_SECONDS),
            Chore(serving.fill_slots, every=CLAIM_SECONDS),
            Chore(playground_serving.tend, every=TEND_SECONDS),
            Chore(fold.remind, every=FOLD_SECONDS),
        ]
        tend_until(self._over, chores)

    def stop(self) -> None:
        self._over.set()
