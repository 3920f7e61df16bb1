"""Datasets over the public API: listed, registered from a file, measured."""

from __future__ import annotations

from typing import Any, Self

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Field, P, QueryEx, Router, Schema, Status
from ninja.errors import HttpError

from llmhub.accounts.models import ApiToken, Project
from llmhub.api.auth import DATASETS, READ
from llmhub.api.refusals import NotAdded
from llmhub.api.schemas import Refusal
from llmhub.datasets import imports, processing, services
from llmhub.datasets.forms import FactsForm
from llmhub.datasets.models import DatasetVersion, Import, Report
from llmhub.datasets.problems import explain
from llmhub.lib.problems import Problem

router = Router()


class FileOut(Schema):
    name: str
    sha256: str
    bytes: int


class DatasetOut(Schema):
    slug: str
    name: str
    version: int
    sha256: str = Field(description="Of the files' hashes and the way they are read.")
    kind: str
    rows: int
    bytes: int
    characters: int
    licence: str = Field(description="An SPDX expression; empty where it is unknown.")

    @classmethod
    def of(cls, version: DatasetVersion, **more: Any) -> Self:
        """Needs dataset selected."""
        return cls(
            slug=version.dataset.slug,
            name=version.dataset.name,
            version=version.number,
            sha256=version.sha256,
            kind=version.kind,
            rows=version.rows,
            bytes=version.bytes,
            characters=version.characters,
            licence=version.dataset.licence,
            **more,
        )


class DatasetVersionOut(DatasetOut):
    reading: dict[str, Any] = Field(description="Format, kind, columns and encoding.")
    skipped: int
    files: list[FileOut]


class ImportOut(Schema):
    id: int
    url: str
    state: str = Field(description="receiving, checking, ready, importing, done or failed.")
    problem: str = Field(description="Why it failed, and what to do.")
    dataset: str | None = Field(description="slug@version, once it is done.")

    @classmethod
    def of(cls, row: Import) -> ImportOut:
        """Needs version.dataset selected."""
        version = row.version
        return cls(
            id=row.pk,
            url=reverse("import", args=[row.pk]),
            state=row.state,
            problem=str(explain(row.problem) or ""),
            dataset=f"{version.dataset.slug}@{version.number}" if version else None,
        )


class ReportIn(Schema):
    model_config = {"extra": "forbid"}

    validation_share: float = Field(0.1, ge=0.001, le=0.899)
    context_length: int = Field(1024, ge=8, le=2**20)


class ReportOut(Schema):
    id: int
    state: str
    problem: str
    figures: dict[str, Any]

    @classmethod
    def of(cls, report: Report) -> ReportOut:
        """Needs job selected."""
        job = report.job
        return cls(
            id=report.pk,
            state=job.state if job else "succeeded",
            problem=str(explain(job.problem) or "") if job else "",
            figures=report.figures,
        )


def project_of(request: HttpRequest) -> Project:
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    return token.project


def version_of(request: HttpRequest, slug: str, number: int) -> DatasetVersion:
    rows = DatasetVersion.objects.filter(dataset__project=project_of(request))
    found = rows.select_related("dataset__project").prefetch_related("files")
    return get_object_or_404(found, dataset__slug=slug, number=number)


@router.get("/datasets", response=list[DatasetOut], auth=READ)
def list_datasets(request: HttpRequest) -> list[DatasetOut]:
    """The newest version of each dataset."""
    versions = (
        DatasetVersion.objects.filter(dataset__project=project_of(request))
        .select_related("dataset")
        .order_by("dataset_id", "-number")
        .distinct("dataset_id")
    )
    return [DatasetOut.of(version) for version in versions]


@router.get("/datasets/{slug:slug}/{int:number}", response=DatasetVersionOut, auth=READ)
def get_dataset_version(request: HttpRequest, slug: str, number: int) -> DatasetVersionOut:
    version = version_of(request, slug, number)
    files = [
        FileOut(name=file.name, sha256=file.sha256, bytes=file.bytes)
        for file in version.files.all()
    ]
    return DatasetVersionOut.of(
        version, reading=version.reading, skipped=version.skipped, files=files
    )


@router.post("/datasets", response={202: ImportOut, 422: Refusal}, auth=DATASETS)
def add_dataset(
    request: HttpRequest,
    name: QueryEx[str, P(description="Of a new dataset, or of the one that gets a version.")],
    file: QueryEx[str, P(description="The file's name; its ending says the format.")],
    licence: QueryEx[str, P(description="SPDX expression, for a new dataset.")] = "",
    source: QueryEx[str, P(description="Where it is from, for a new dataset.")] = "",
) -> Status[ImportOut]:
    """Registers the request's body, a file; its columns must have well-known names.

    It is read after the answer: ask `GET /imports/{id}` until its state is done or failed.
    """
    project = project_of(request)
    for field, text in (("name", name), ("file", file)):
        if "\0" in text:
            raise NotAdded({field: [_("Null characters are not allowed.")]})
    known = services.named(project, name)
    facts = {} if known else checked_facts(project, name=name, licence=licence, source=source)
    length = int(request.headers.get("Content-Length") or 0)
    try:
        begun = imports.begin(
            project,
            request.auth.user,  # type: ignore[attr-defined]
            facts=facts,
            files=[{"name": file, "bytes": length}],
            dataset=known,
            is_automatic=True,
        )
        receive(request, begun)
    except Problem as problem:
        raise NotAdded({"file": [str(explain(problem.as_json()))]}) from problem
    begun.refresh_from_db()
    return Status(202, ImportOut.of(begun))


def checked_facts(project: Project, **values: str) -> dict[str, Any]:
    form = FactsForm(project, values)
    if not form.is_valid():
        raise NotAdded({name: [*map(str, reasons)] for name, reasons in form.errors.items()})
    return dict(form.cleaned_data)


def receive(request: HttpRequest, begun: Import) -> None:
    """The server has the body on disk; it comes to the staging folder piece by piece."""
    offset = 0
    try:
        while piece := request.read(imports.PIECE_BYTES):
            offset = imports.receive(begun, 0, offset, piece)
        imports.go_on(begun)
    except Problem:
        imports.discard(begun)
        raise


@router.get("/imports/{int:import_id}", response=ImportOut, auth=READ)
def get_import(request: HttpRequest, import_id: int) -> ImportOut:
    rows = Import.objects.filter(project=project_of(request)).select_related("version__dataset")
    return ImportOut.of(get_object_or_404(rows, pk=import_id))


@router.post("/datasets/{slug:slug}/{int:number}/report", response={202: ReportOut}, auth=DATASETS)
def start_report(request: HttpRequest, slug: str, number: int, body: ReportIn) -> Status[ReportOut]:
    """Measures a version. The same report is not made twice at once."""
    version = version_of(request, slug, number)
    user = request.auth.user  # type: ignore[attr-defined]
    return Status(202, ReportOut.of(processing.report(version, user, body.dict())))


@router.get("/datasets/{slug:slug}/{int:number}/report", response=ReportOut, auth=READ)
def get_report(request: HttpRequest, slug: str, number: int) -> ReportOut:
    """The newest report of a version; `figures` is empty until it is done."""
    report = version_of(request, slug, number).reports.select_related("job").first()
    if report is None:
        raise HttpError(404, _("Nothing was measured of this version yet."))
    return ReportOut.of(report)
