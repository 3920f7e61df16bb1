"""A worker takes the oldest queued run. However many ask at once, each run is taken by one."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from llmhub.accounts.models import hash_secret, new_secret
from llmhub.jobs import outbox
from llmhub.jobs.models import Dispatch
from llmhub.runs.models import Attempt, Run, Worker
from llmhub.runs.states import State, Want
from llmhub.runs.transitions import move

CLAIM = "workers.tasks.claim_runs"
LEASE = timedelta(seconds=settings.LEASE_SECONDS)
# A run that nobody took for so long may have been forgotten by Redis.
FORGOTTEN_AFTER = timedelta(seconds=5)
REMIND_EVERY = timedelta(seconds=15)


def enqueue_claim() -> Dispatch:
    """Wakes one worker: there may be a run to claim."""
    return outbox.enqueue(CLAIM, [])


@transaction.atomic
def claim(worker: Worker) -> tuple[Attempt, str] | None:
    """A new attempt at the oldest queued run and its secret; None without a run or a free slot."""
    slot = free_slot(worker)
    run = None if slot is None else oldest_queued()
    if run is None:
        return None
    # The new fence makes every earlier attempt stale.
    move(run, State.CLAIMED, fence=F("fence") + 1, cause="", message="")
    secret = new_secret()
    attempt = Attempt.objects.create(
        run=run,
        number=run.attempts.count() + 1,
        fence=run.fence,
        worker=worker,
        slot=slot,
        secret_hash=hash_secret(secret),
        claimed_at=Now(),
        lease_expires_at=Now() + LEASE,
    )
    attempt.refresh_from_db()
    return attempt, secret


def free_slot(worker: Worker) -> int | None:
    """The lowest free slot; the worker's row is locked, so that two claims do not find the same."""
    locked = Worker.objects.select_for_update(no_key=True).get(pk=worker.pk)
    taken = set(locked.attempts.open().values_list("slot", flat=True))
    return next((slot for slot in range(locked.slots) if slot not in taken), None)


def oldest_queued() -> Run | None:
    queued = Run.objects.filter(state=State.QUEUED, want=Want.RUN).order_by("queued_at", "pk")
    return queued.select_for_update(skip_locked=True, no_key=True).first()


def remind() -> bool:
    """Dispatches again when a run waits although a worker has room: the message was lost."""
    forgotten = Run.objects.filter(state=State.QUEUED, queued_at__lt=Now() - FORGOTTEN_AFTER)
    reminded = Dispatch.objects.filter(task=CLAIM, created_at__gt=Now() - REMIND_EVERY)
    if reminded.exists() or not forgotten.exists():
        return False
    if not Worker.objects.alive().with_free_slot().exists():
        return False
    enqueue_claim()
    return True
