"""Exports of a version: started, kept, removed. Asked for twice, a form is made once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from llmhub.datasets import services as datasets
from llmhub.datasets.models import DatasetVersion
from llmhub.datasets.problems import explain
from llmhub.jobs import lifecycle as jobs
from llmhub.lib import durable, export_forms
from llmhub.lib.problems import Problem
from llmhub.registry import damage, held_out
from llmhub.registry.models import Export, ModelVersion, VersionState

if TYPE_CHECKING:
    from llmhub.accounts.models import User
    from llmhub.jobs.models import Job

KIND = "model.export"


class Refused(Exception):
    """Why an export was not started: by the field of the form, in words for who asked."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@transaction.atomic
def start(version: ModelVersion, user: User | None, form: str, rows: DatasetVersion) -> Export:
    """`rows`: whose held-out part its quality is measured on."""
    refuse_hopeless(version, form)
    datasets.lock(version.model.project)
    known = version.exports.select_related("job").filter(form=form).first()
    if known and (known.is_ready() or known.is_under_way()):
        return known
    export = known or Export(version=version, form=form)
    export.rows, export.created_by = rows, user
    export.save()
    export.job = jobs.start(KIND, version.model.project, user, {"export": export.pk})
    export.save(update_fields=["job"])
    return export


def refuse_hopeless(version: ModelVersion, form: str) -> None:
    """Before a job: what a look at the version already says."""
    if version.state != VersionState.READY:
        raise Refused("", _("The version is not ready: its files are still being verified."))
    reason = hindrance(form, config_of(version))
    if reason:
        raise Refused("form", reason)


def hindrance(form: str, config: dict[str, Any]) -> str:
    """Why a model has no such form; empty where it has."""
    code = export_forms.hindrance(export_forms.Form(form), config)
    if code is None:
        return ""
    values = {"architecture": str(config.get("model_type", ""))}
    return str(explain({"code": code, "values": values}))


def config_of(version: ModelVersion) -> dict[str, Any]:
    """Empty where the files are elsewhere: the job will say so."""
    try:
        config = json.loads((version.folder / "config.json").read_text())
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


@transaction.atomic
def remove(export: Export) -> None:
    """The files go when nobody can ask for them any more."""
    if export.job:
        jobs.cancel(export.job)
    folder = export.folder
    export.delete()
    transaction.on_commit(lambda: shutil.rmtree(folder, ignore_errors=True))


class ExportJob:
    module = "workers.models.export"
    is_quick = False

    def values(self, job: Job) -> dict[str, Any]:
        export = self.the_export(job)
        version, rows = export.version, export.rows
        if rows is None:
            raise Problem("discarded")
        return {
            "source": str(version.folder),
            "files": version.files,
            "form": export.form,
            "name": export.name,
            "folder_name": export.folder_name,
            "title": str(version),
            "licence": version.licence,
            "manifest_sha256": version.manifest_sha256,
            "rows": held_out.described(version, rows),
            "memory_bytes": memory_for(version),
        }

    def finish(self, job: Job, result: dict[str, Any], folder: Path) -> None:
        export = self.the_export(job)
        # Of a try whose transaction was lost.
        shutil.rmtree(export.folder, ignore_errors=True)
        export.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        durable.publish(Path(result["path"]), export.folder)
        Export.objects.filter(pk=export.pk).update(
            files=result["files"], bytes=result["bytes"], quality=result["quality"]
        )

    def fail(self, job: Job) -> None:
        """Nothing was kept: all of it lies in the job's own folder, which goes."""
        found = Export.objects.filter(pk=job.params["export"]).first()
        if found:
            damage.note(found.version, job.problem)

    def the_export(self, job: Job) -> Export:
        rows = Export.objects.select_related("version__model", "version__run", "rows__dataset")
        found = rows.filter(pk=job.params["export"], job=job).first()
        if found is None:
            raise Problem("discarded")
        return found


def memory_for(version: ModelVersion) -> int:
    """The model is held in fp32, and beside it in its new form while that is made."""
    return int(settings.JOB_MEMORY_BYTES + 3 * version.bytes)
