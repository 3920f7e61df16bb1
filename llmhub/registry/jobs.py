"""The job that makes a version's files: what its process is told, and what becomes of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from llmhub.lib import durable
from llmhub.lib.problems import Problem
from llmhub.registry import registering
from llmhub.registry.models import ModelVersion, VersionState
from llmhub.runs import checkpoints
from llmhub.runs.models import Checkpoint

if TYPE_CHECKING:
    from llmhub.jobs.models import Job

# Where `workers.models.register` leaves the files, in the folder of the job.
MADE = "model"


class Register:
    module = "workers.models.register"
    is_quick = False

    def values(self, job: Job) -> dict[str, Any]:
        version = self.version_of(job)
        if version is None or version.checkpoint is None:
            raise Problem("version_gone")
        return {
            "source": version.checkpoint.path,
            "manifest_sha256": version.manifest_sha256,
            "memory_bytes": settings.JOB_MEMORY_BYTES,
        }

    def finish(self, job: Job, result: dict[str, Any], folder: Path) -> None:
        version = self.locked(job)
        if version is None:
            raise Problem("version_gone")
        publish(folder / MADE, version.folder)
        ModelVersion.objects.filter(pk=version.pk).update(
            state=VersionState.READY,
            files=result["files"],
            bytes=result["bytes"],
            facts=result["facts"],
        )
        self.let_go(job)
        registering.tell(version.model)

    def fail(self, job: Job) -> None:
        version = self.version_of(job)
        if version:
            ModelVersion.objects.filter(pk=version.pk).update(state=VersionState.FAILED)
            registering.tell(version.model)
        self.let_go(job)

    def version_of(self, job: Job) -> ModelVersion | None:
        """None where it was deleted, or is being registered anew."""
        rows = ModelVersion.objects.select_related("model", "checkpoint")
        return rows.filter(pk=job.params["version"], job=job).first()

    def locked(self, job: Job) -> ModelVersion | None:
        """The same: nobody deletes it before its files are in their place."""
        rows = ModelVersion.objects.select_for_update(of=("self",)).select_related("model")
        return rows.filter(pk=job.params["version"], job=job).first()

    def let_go(self, job: Job) -> None:
        """Of a checkpoint that was pinned for this job alone."""
        checkpoint = Checkpoint.objects.filter(pk=job.params["unpin"]).first()
        if checkpoint:
            checkpoints.pin(checkpoint, pinned=False)


def publish(made: Path, place: Path) -> None:
    """Gives the folder its name, in the transaction that makes the version ready: what lies there
    already is of a transaction that did not commit."""
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(place, ignore_errors=True)
    durable.publish(made, place)
