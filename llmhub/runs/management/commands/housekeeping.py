"""The periodic work of the hub: relays dispatches, watches leases, reminds of queued runs.

Any number of these may run; each piece of work is guarded in the database.
"""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.module_loading import import_string

from llmhub.accounts import anchors
from llmhub.datasets import imports
from llmhub.jobs import lifecycle as jobs
from llmhub.jobs import outbox
from llmhub.runs import claim, files, organise, reaper
from llmhub.runs.chores import Chore, tend_until
from llmhub.runs.listening import Ears


def chores() -> list[Chore]:
    ears = Ears()
    return [
        Chore(outbox.relay, every=1),
        Chore(lambda: reaper.reap(ears.heard_for()), every=3),
        Chore(claim.remind, every=5),
        Chore(jobs.tend, every=5),
        Chore(outbox.tidy, every=600),
        Chore(imports.tidy, every=600),
        Chore(files.tidy, every=3600),
        Chore(organise.empty_trash, every=600),
        Chore(anchors.tend, every=60),
        *(Chore(import_string(name), every) for name, every in settings.CHORES.items()),
    ]


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: over.set())
        tend_until(over, chores())
