"""Fits of a project's own runs: a job each, kept by the points that it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction

from llmhub.accounts.models import Project
from llmhub.jobs import lifecycle
from llmhub.jobs.models import Job
from llmhub.research.scaling_fit import Fitted, Point, lacks
from llmhub.research.scaling_runs import digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llmhub.accounts.models import User

KIND = "research.scaling"


class FitJob:
    module = "workers.scaling"
    # Some seconds, while a person waits.
    is_quick = True

    def values(self, job: Job) -> dict[str, Any]:
        return {"points": job.params["points"]}

    def finish(self, job: Job, result: dict[str, Any], folder: Path) -> None:
        """It stays in the job's own result."""

    def fail(self, job: Job) -> None:
        """Nothing was kept."""


def newest(project: Project, points: Sequence[Point]) -> Job | None:
    """The fit of exactly these points: finished, under way, or what became of it."""
    jobs = Job.objects.filter(project=project, kind=KIND, params__digest=digest(points))
    return jobs.order_by("-pk").first()


def fitted(job: Job | None) -> Fitted | None:
    if job is None or job.state != Job.State.SUCCEEDED:
        return None
    return Fitted.of(job.result)


@transaction.atomic
def start(project: Project, user: User, points: Sequence[Point]) -> Job | None:
    """Asked twice, done once; None where there is too little to fit."""
    if list(lacks(points)):
        return None
    # The lock lines up people who press at the same moment.
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    job = newest(project, points)
    if job and job.state in {Job.State.QUEUED, Job.State.RUNNING, Job.State.SUCCEEDED}:
        return job
    rows = [[point.parameters, point.tokens, point.loss] for point in points]
    return lifecycle.start(KIND, project, user, {"digest": digest(points), "points": rows})
