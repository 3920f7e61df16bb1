"""What people start on a version: a report, its tokens, a cleaned one. Asked twice, done once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from llmhub.datasets import services
from llmhub.datasets.models import DatasetVersion, Report, Tokenization
from llmhub.jobs import lifecycle as jobs
from llmhub.jobs.models import Job

if TYPE_CHECKING:
    from llmhub.accounts.models import User

REPORT_OPTIONS = {"validation_share": 0.1, "context_length": 1024}


@transaction.atomic
def report(version: DatasetVersion, user: User | None, options: dict[str, Any]) -> Report:
    job, is_new = start(version, user, "dataset.report", options=REPORT_OPTIONS | options)
    if not is_new:
        return Report.objects.get(job=job)
    return Report.objects.create(version=version, job=job, options=job.params["options"])


@transaction.atomic
def tokenize(version: DatasetVersion, user: User | None, choice: dict[str, Any]) -> Tokenization:
    """The tokens by this choice; made once and kept."""
    kept = version.tokenizations.filter(choice=choice).exclude(figures={}).first()
    if kept:
        return kept
    job, is_new = start(version, user, "dataset.tokenize", choice=choice)
    if not is_new:
        return Tokenization.objects.get(job=job)
    return Tokenization.objects.create(version=version, job=job, choice=choice)


@transaction.atomic
def derive(version: DatasetVersion, user: User | None, changes: dict[str, Any]) -> Job:
    """A new version without what `changes` names: duplicates, personal data."""
    return start(version, user, "dataset.derive", changes=changes)[0]


def start(version: DatasetVersion, user: User | None, kind: str, **params: Any) -> tuple[Job, bool]:
    """The job, and whether it is new: the same one that is not over yet is not started again."""
    services.lock(version.dataset.project)
    wanted = {"version": version.pk, **params}
    waiting = Job.objects.open().filter(kind=kind, params=wanted).first()
    if waiting:
        return waiting, False
    return jobs.start(kind, version.dataset.project, user, wanted), True
