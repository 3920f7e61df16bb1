"""A worker takes the oldest queued run. However many ask at once, each run is taken by one."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from llmhub.accounts.models import hash_secret, new_secret
from llmhub.jobs import outbox
from llmhub.jobs.models import Dispatch
from llmhub.runs import inputs
from llmhub.runs.causes import SUBJECT_CHANGED
from llmhub.runs.gate import gate
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
    free = free_slots(worker)
    run = oldest_signed_off(worker) if free else None
    if run is None:
        return None
    width = width_on(worker, run)
    place = first_fitting(free, width)
    if place is None:
        return None
    # The new fence makes every earlier attempt stale.
    move(run, State.CLAIMED, fence=F("fence") + 1, cause="", message="")
    secret = new_secret()
    attempt = Attempt.objects.create(
        run=run,
        number=run.attempts.count() + 1,
        fence=run.fence,
        worker=worker,
        slot=place,
        width=width,
        secret_hash=hash_secret(secret),
        claimed_at=Now(),
        lease_expires_at=Now() + LEASE,
    )
    attempt.refresh_from_db()
    return attempt, secret


def free_slots(worker: Worker) -> list[int]:
    """In order; the worker's row is locked, so that two claims do not find the same."""
    locked = Worker.objects.select_for_update(no_key=True).get(pk=worker.pk)
    taken: set[int] = set()
    for slot, width in locked.attempts.open().values_list("slot", "width"):
        taken |= set(range(slot or 0, (slot or 0) + width))
    return [slot for slot in range(locked.slots) if slot not in taken]


def first_fitting(free: list[int], width: int) -> int | None:
    """The first of so many slots side by side."""
    side_by_side = ({*range(slot, slot + width)} for slot in free)
    return next((min(slots) for slots in side_by_side if slots <= {*free}), None)


def width_on(worker: Worker, run: Run) -> int:
    """A GPU for each process; on a processor they share the cores of one slot."""
    return run.processes if worker.has_gpus else 1


def is_too_wide(processes: int) -> bool:
    """Whether there are workers, and none of them could ever take so many processes."""
    workers = Worker.objects.alive()
    return bool(workers) and not any(worker.may_take(processes) for worker in workers)


def claimable() -> QuerySet[Run]:
    """Queued, wanted, and not waiting for what another run is still making."""
    queued = Run.objects.filter(state=State.QUEUED, want=Want.RUN)
    return queued.exclude(pk__in=inputs.waited_for().values("run"))


def oldest_queued(worker: Worker) -> Run | None:
    """Of those that need no more GPUs than the worker has. Its turn comes before that of younger
    ones even where too few are free just now: else it would wait for ever for all at once."""
    queued = claimable().order_by("queued_at", "pk")
    if worker.has_gpus:
        fits = Q(config__runtime__processes__lte=worker.slots)
        queued = queued.filter(fits | Q(config__runtime__processes__isnull=True))
    return queued.select_for_update(skip_locked=True, no_key=True).first()


def oldest_signed_off(worker: Worker) -> Run | None:
    """A run that nobody has begun, and that is not what was signed any more, leaves the queue."""
    while run := oldest_queued(worker):
        if run.attempts.exists() or gate().claim(run):
            return run
        move(run, State.AWAITING_SIGN_OFF, queued_at=None, cause=SUBJECT_CHANGED, message="")
    return None


def remind() -> bool:
    """Dispatches again when a run waits although a worker has room: the message was lost."""
    forgotten = claimable().filter(queued_at__lt=Now() - FORGOTTEN_AFTER)
    reminded = Dispatch.objects.filter(task=CLAIM, created_at__gt=Now() - REMIND_EVERY)
    if reminded.exists() or not forgotten.exists():
        return False
    if not Worker.objects.alive().with_free_slot().exists():
        return False
    enqueue_claim()
    return True
