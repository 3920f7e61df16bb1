"""The hub goes down and comes up again: runs pause with a checkpoint and go on by themselves."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from llmhub.runs.claim import enqueue_claim
from llmhub.runs.models import Run
from llmhub.runs.states import ACTIVE, State, Want
from llmhub.runs.transitions import announce


@transaction.atomic
def pause_all() -> QuerySet[Run]:
    """Asks all runs of workers to pause until `resume_all`; returns those whose trainers write now.

    Queued runs leave the queue first: a slot that becomes free must not take one of them.
    """
    wanted = Run.objects.of_workers().filter(want=Want.RUN)
    wish = {"want": Want.PAUSE, "resume_on_start": True}
    changed = [
        *change(
            wanted.filter(state=State.QUEUED), state=State.PAUSED, cause="hub_shutdown", **wish
        ),
        *change(wanted.filter(state__in=ACTIVE), **wish),
    ]
    # A worker that is out of reach will not answer in time either.
    return Run.objects.filter(pk__in=changed, state__in=ACTIVE - {State.UNREACHABLE})


@transaction.atomic
def resume_all() -> int:
    """Takes back what `pause_all` asked; returns how many runs go on."""
    paused = Run.objects.filter(resume_on_start=True)
    wish = {"want": Want.RUN, "resume_on_start": False}
    changed = [
        *change(
            paused.filter(state=State.PAUSED), state=State.QUEUED, cause="", message="", **wish
        ),
        # These did not get to it in time and work on.
        *change(paused.filter(state__in=ACTIVE, want=Want.PAUSE), **wish),
    ]
    if changed:
        enqueue_claim()
    return len(changed)


def change(runs: QuerySet[Run], **values: object) -> list[int]:
    """One guarded UPDATE; rows that left the set while it waited for them are not touched."""
    rows = list(runs.select_for_update(no_key=True).order_by("pk"))
    Run.objects.filter(pk__in=[run.pk for run in rows]).update(**values)
    for run in rows:
        announce(run)
    return [run.pk for run in rows]
