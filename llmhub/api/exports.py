"""Exports of model versions over the public API: started, watched, downloaded."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status
from ninja.errors import HttpError

from llmhub.accounts.models import ApiToken
from llmhub.api.auth import MODELS, READ
from llmhub.api.refusals import NotExported
from llmhub.api.schemas import Refusal
from llmhub.datasets.models import DatasetVersion
from llmhub.datasets.problems import explain
from llmhub.registry import downloads, exporting, held_out
from llmhub.registry.models import Export, Form, ModelVersion

router = Router()

VERSION = "/models/{slug:slug}/{int:number}/exports"
EXPORT = VERSION + "/{int:export_id}"


class ExportIn(Schema):
    model_config = {"extra": "forbid"}

    form: Form
    rows: str = Field(
        "",
        max_length=100,
        description="slug or slug@version of the dataset on whose held-out rows the loss of "
        "quality is measured. Empty: what the model was trained on.",
    )


class ExportedFile(Schema):
    name: str
    bytes: int
    sha256: str


class ExportOut(Schema):
    id: int
    form: str
    state: str = Field(description="queued, running, succeeded, failed or cancelled.")
    problem: str = Field(description="Why it failed, and what to do.")
    bytes: int
    files: list[ExportedFile]
    quality: dict[str, Any] = Field(description="Empty until it is done.")

    @classmethod
    def of(cls, export: Export) -> ExportOut:
        """Needs job selected."""
        job = export.job
        return cls(
            id=export.pk,
            form=export.form,
            state="succeeded" if export.is_ready() else job.state if job else "failed",
            problem=str(explain(job.problem) or "") if job else "",
            bytes=export.bytes,
            files=[ExportedFile(**file) for file in export.files],
            quality=export.quality,
        )


def version_of(request: HttpRequest, slug: str, number: int) -> ModelVersion:
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    rows = ModelVersion.objects.filter(model__project=token.project)
    found = rows.select_related("model__project", "run__dataset_version")
    return get_object_or_404(found, model__slug=slug, number=number)


def export_of(request: HttpRequest, slug: str, number: int, export_id: int) -> Export:
    version = version_of(request, slug, number)
    export = get_object_or_404(version.exports.select_related("job"), pk=export_id)
    export.version = version
    return export


def ready(request: HttpRequest, slug: str, number: int, export_id: int) -> Export:
    export = export_of(request, slug, number, export_id)
    if not export.is_ready():
        raise HttpError(404, _("The export has no files yet."))
    return export


def rows_of(version: ModelVersion, reference: str) -> DatasetVersion:
    """Raises NotExported."""
    choices = held_out.choices(version)
    slug, _at, number = reference.partition("@")
    fitting = [row for row in choices if not reference or row.dataset.slug == slug]
    fitting = [row for row in fitting if not number or str(row.number) == number]
    if not fitting:
        reason = _("“%s” has no rows to measure on; give the newest version of a dataset.")
        raise NotExported({"rows": [reason % reference]})
    return fitting[0]


@router.get(VERSION, response=list[ExportOut], auth=READ)
def list_exports(request: HttpRequest, slug: str, number: int) -> list[ExportOut]:
    version = version_of(request, slug, number)
    return [ExportOut.of(export) for export in version.exports.select_related("job")]


@router.post(VERSION, response={202: ExportOut, 422: Refusal}, auth=MODELS)
def start_export(request: HttpRequest, slug: str, number: int, body: ExportIn) -> Status[ExportOut]:
    """Ask `GET` for it until its state is succeeded or failed. A form is made once."""
    version = version_of(request, slug, number)
    user = request.auth.user  # type: ignore[attr-defined]
    try:
        export = exporting.start(version, user, body.form, rows_of(version, body.rows))
    except exporting.Refused as refusal:
        raise NotExported({refusal.field: [str(refusal)]}) from refusal
    return Status(202, ExportOut.of(export))


@router.get(EXPORT, response=ExportOut, auth=READ)
def get_export(request: HttpRequest, slug: str, number: int, export_id: int) -> ExportOut:
    return ExportOut.of(export_of(request, slug, number, export_id))


@router.delete(EXPORT, response={204: None}, auth=MODELS)
def delete_export(request: HttpRequest, slug: str, number: int, export_id: int) -> Status[None]:
    exporting.remove(export_of(request, slug, number, export_id))
    return Status(204, None)


@router.get(EXPORT + "/download", auth=READ)
def download_export(
    request: HttpRequest, slug: str, number: int, export_id: int
) -> HttpResponseBase:
    """All files as one zip."""
    export = ready(request, slug, number, export_id)
    return downloads.archive(export.folder, export.folder_name, export.files)


@router.get(EXPORT + "/files/{path:name}", auth=READ)
def download_file(
    request: HttpRequest, slug: str, number: int, export_id: int, name: str
) -> HttpResponseBase:
    """One file; goes on where a transfer broke off, with Range and If-Range."""
    export = ready(request, slug, number, export_id)
    described = export.file(name)
    if described is None:
        raise HttpError(404, _("The export has no such file."))
    return downloads.file(request, export.folder, described)
