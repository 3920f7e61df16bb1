"""What a job of each kind does before and after its process: named in settings.JOB_KINDS.

The apps that own the work stand above this one, so they are found by dotted path; a hub whose
settings name something that does not import does not start.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from llmhub.jobs.models import Job


class JobKind(Protocol):
    # `python -m <module> <folder>` does the work.
    module: str
    is_quick: bool

    def values(self, job: Job) -> dict[str, Any]:
        """What the process reads; raises `lib.problems.Problem` where there is nothing to do."""
        ...

    def finish(self, job: Job, result: dict[str, Any], folder: Path) -> None:
        """Keeps what the process made, in the transaction that ends the job.

        A Problem raised here fails the job.
        """
        ...

    def fail(self, job: Job) -> None:
        """The job failed or was cancelled; `job.problem` says why. In the same transaction, too."""
        ...


@cache
def named(kind: str) -> JobKind:
    found: JobKind = import_string(settings.JOB_KINDS[kind])()
    return found


def check() -> None:
    for kind in settings.JOB_KINDS:
        named(kind)
