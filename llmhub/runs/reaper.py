"""Looks after attempts that fell silent: unreachable when the lease is over, then lost.

Silence counts on the database's clock and only while the hub listens: after an outage of the
hub itself every trainer has the whole time again to be heard.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from llmhub.runs import external
from llmhub.runs.attempts import End, end
from llmhub.runs.causes import NEVER_STARTED
from llmhub.runs.claim import LEASE
from llmhub.runs.models import Attempt, AttemptQuerySet
from llmhub.runs.states import Outcome, State
from llmhub.runs.transitions import lock, move

LOST_AFTER = timedelta(seconds=settings.LOST_AFTER_SECONDS)
# A supervisor reports within a second of the claim.
START_WITHIN = timedelta(seconds=60)
AT_WORK = (State.STARTING, State.RUNNING, State.STOPPING)
EXTERNAL = Q(run__recipe_version=None)

Verdict = Callable[[Attempt], bool]


def reap(heard_for: timedelta = timedelta.max) -> None:
    """`heard_for`: how long the hub has been listening without a break."""
    if heard_for >= LEASE:
        judge(out_of_reach().exclude(EXTERNAL), call_unreachable)
    if heard_for >= external.LEASE:
        judge(out_of_reach().filter(EXTERNAL), call_unreachable)
    if heard_for >= START_WITHIN:
        judge(never_started(), lose(NEVER_STARTED))
    if heard_for >= LOST_AFTER:
        judge(gone().exclude(EXTERNAL), lose("worker_lost"))
        judge(gone().filter(EXTERNAL), external.lose)


def judge(found: AttemptQuerySet, verdict: Verdict) -> None:
    for attempt in found:
        confirm(attempt, found, verdict)


@transaction.atomic
def confirm(attempt: Attempt, found: AttemptQuerySet, verdict: Verdict) -> bool:
    """False when the supervisor was heard of after all, while the run's row was waited for."""
    lock(attempt.run)
    return found.filter(pk=attempt.pk).exists() and verdict(attempt)


def call_unreachable(attempt: Attempt) -> bool:
    return move(attempt.run, State.UNREACHABLE)


def lose(cause: str) -> Verdict:
    return lambda attempt: end(attempt, End(Outcome.LOST, cause))


def speaking() -> AttemptQuerySet:
    return Attempt.objects.open().filter(fence=F("run__fence")).select_related("run")


def silent(beyond: timedelta = timedelta(0)) -> AttemptQuerySet:
    return speaking().filter(started_at__isnull=False, lease_expires_at__lt=Now() - beyond)


def out_of_reach() -> AttemptQuerySet:
    return silent().filter(run__state__in=AT_WORK)


def gone() -> AttemptQuerySet:
    return silent(LOST_AFTER).filter(run__state=State.UNREACHABLE)


def never_started() -> AttemptQuerySet:
    return speaking().filter(started_at=None, claimed_at__lt=Now() - START_WITHIN)
