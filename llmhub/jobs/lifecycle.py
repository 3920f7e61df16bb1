"""From a queued job to its end. Each change is one guarded UPDATE: 0 rows mean that whoever asks is
stale, because the job was cancelled or given to another machine.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from llmhub.jobs import kinds, outbox
from llmhub.jobs.live import job_topic, project_topic, publish
from llmhub.jobs.models import Dispatch, Job
from llmhub.lib.problems import Problem

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User

TASK = "workers.tasks.run_jobs"
LEASE = timedelta(seconds=30)
MAX_TRIES = 3
# A job that nobody took for so long may have been forgotten by Redis.
FORGOTTEN_AFTER = timedelta(seconds=5)
REMIND_EVERY = timedelta(seconds=15)


@transaction.atomic
def start(kind: str, project: Project, user: User | None, params: dict[str, Any]) -> Job:
    """Queues a job; a worker takes it once the transaction has committed."""
    job = Job.objects.create(
        kind=kind,
        project=project,
        created_by=user,
        params=params,
        is_quick=kinds.named(kind).is_quick,
    )
    outbox.enqueue(TASK, [])
    announce(job)
    return job


@transaction.atomic
def cancel(job: Job) -> None:
    """A waiting job ends at once, a running one when its watcher looks. An ended one stays."""
    locked = Job.objects.select_for_update().get(pk=job.pk)
    if locked.is_over():
        return
    if locked.state == Job.State.QUEUED:
        end(locked, Job.State.CANCELLED)
    else:
        Job.objects.filter(pk=locked.pk).update(cancel_wanted=True)


@transaction.atomic
def claim(node: str, quick: bool) -> Job | None:
    """The oldest waiting job of this lane, now this machine's. Each is taken by one."""
    waiting = Job.objects.filter(state=Job.State.QUEUED, is_quick=quick).order_by("pk")
    job = waiting.select_for_update(skip_locked=True).first()
    if job is None:
        return None
    Job.objects.filter(pk=job.pk).update(
        state=Job.State.RUNNING,
        node=node,
        fence=F("fence") + 1,
        tries=F("tries") + 1,
        started_at=Now(),
        lease_expires_at=Now() + LEASE,
        phase="",
        share=0,
    )
    job.refresh_from_db()
    announce(job)
    return job


def ours(job: Job) -> Any:
    return Job.objects.filter(pk=job.pk, fence=job.fence, state=Job.State.RUNNING)


def beat(job: Job, phase: str, share: float) -> bool:
    """Renews the lease and shows the progress; False when the work shall not go on."""
    is_news = (phase, share) != (job.phase, job.share)
    if not ours(job).update(lease_expires_at=Now() + LEASE, phase=phase[:40], share=share):
        return False
    job.phase, job.share = phase, share
    if is_news:
        publish(job_topic(job.pk), news(job))
    return not Job.objects.filter(pk=job.pk, cancel_wanted=True).exists()


def succeed(job: Job, result: dict[str, Any], folder: Path) -> None:
    """Keeps what was made; a Problem in doing so fails the job instead, and nothing was kept."""
    try:
        with transaction.atomic():
            if lock(job):
                job.result = result
                kinds.named(job.kind).finish(job, result, folder)
                end(job, Job.State.SUCCEEDED, result=result, share=1.0)
    except Problem as problem:
        fail(job, problem)


@transaction.atomic
def fail(job: Job, problem: Problem) -> None:
    if lock(job):
        job.problem = problem.as_json()
        end(job, Job.State.FAILED, problem=job.problem)


@transaction.atomic
def be_cancelled(job: Job) -> None:
    if lock(job):
        end(job, Job.State.CANCELLED)


def give_back(job: Job) -> None:
    """This machine goes down: another, or the same one later, begins again."""
    ours(job).update(state=Job.State.QUEUED, tries=F("tries") - 1, lease_expires_at=None)


def lock(job: Job) -> bool:
    """Whether the job is still this watcher's; nobody else can change it until the commit."""
    return bool(ours(job).select_for_update().first())


def end(job: Job, state: Job.State, **changes: Any) -> None:
    if state != Job.State.SUCCEEDED:
        kinds.named(job.kind).fail(job)
    Job.objects.filter(pk=job.pk).update(state=state, ended_at=Now(), **changes)
    job.refresh_from_db()
    announce(job)


def announce(job: Job) -> None:
    """Tells a new state; mere progress interests only the pages that watch this job."""
    publish(job_topic(job.pk), news(job))
    publish(project_topic(job.project_id), news(job))


def news(job: Job) -> dict[str, Any]:
    return {
        "type": "job",
        "job": job.pk,
        "state": job.state,
        "phase": job.phase,
        "share": job.share,
    }


def tend() -> None:
    """Housekeeping: what a dead machine left is queued again, what Redis forgot is sent again."""
    for job in Job.objects.abandoned():
        requeue(job)
    remind()


@transaction.atomic
def requeue(job: Job) -> None:
    """Counted, so that a job which brings machines down does not do so for ever."""
    abandoned = Job.objects.abandoned().select_for_update(skip_locked=True)
    locked = abandoned.filter(pk=job.pk, fence=job.fence).first()
    if locked is None:
        return
    if locked.tries >= MAX_TRIES:
        fail(locked, Problem("job_lost", tries=locked.tries))
    elif locked.cancel_wanted:
        end(locked, Job.State.CANCELLED)
    else:
        Job.objects.filter(pk=locked.pk).update(state=Job.State.QUEUED, lease_expires_at=None)
        outbox.enqueue(TASK, [])


def remind() -> None:
    forgotten = Job.objects.filter(state=Job.State.QUEUED, created_at__lt=Now() - FORGOTTEN_AFTER)
    reminded = Dispatch.objects.filter(task=TASK, created_at__gt=Now() - REMIND_EVERY)
    if forgotten.exists() and not reminded.exists():
        outbox.enqueue(TASK, [])
