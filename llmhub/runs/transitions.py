"""The one way in which a run changes state: a guarded UPDATE, told to the pages that watch.

An UPDATE that finds the run in a state that `to` may not follow, or under another fencing token,
changes nothing: whoever asked for it is stale.
"""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Now

from llmhub.jobs.live import project_topic, publish
from llmhub.runs.live import run_topic
from llmhub.runs.models import Run
from llmhub.runs.states import TERMINAL, State, may_follow

TOLD = ("state", "want", "step", "total_steps", "cause", "message")
DATED = ("fence", "resume_on_start", "queued_at", "started_at", "ended_at")


def lock(run: Run) -> None:
    """Holds the run's row until the transaction ends and brings `run` up to date."""
    # `no_key`: rows that refer to the run (points, log) may be written meanwhile.
    run.refresh_from_db(from_queryset=Run.objects.select_for_update(no_key=True))


def move(run: Run, to: State, **changes: Any) -> bool:
    """Brings `run` into a state, if it is still the run that the caller read; False when stale."""
    if to in TERMINAL:
        changes.setdefault("ended_at", Now())
    here = Run.objects.filter(pk=run.pk, fence=run.fence, state__in=may_follow(to))
    if not here.update(state=to, **changes):
        return False
    announce(run)
    return True


def announce(run: Run) -> None:
    """Tells the open pages how the run stands in the database now."""
    run.refresh_from_db(fields=(*TOLD, *DATED))
    message = {"type": "run", "run": run.pk} | {name: getattr(run, name) for name in TOLD}
    publish(run_topic(run.pk), message)
    publish(project_topic(run.project_id), message)
