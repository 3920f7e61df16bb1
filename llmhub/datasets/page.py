"""What the page of a dataset's version shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

from llmhub.datasets import findings, preview
from llmhub.datasets.models import Dataset, DatasetVersion, Report, Tokenization
from llmhub.datasets.problems import Explained, explain
from llmhub.datasets.version_forms import DeriveForm, ReportForm, TokenizeForm
from llmhub.jobs.live import job_topic
from llmhub.jobs.models import Job
from llmhub.lib.rows.template import TEMPLATES

JOB_TITLES = {
    "dataset.report": gettext_lazy("Report"),
    "dataset.tokenize": gettext_lazy("Tokens"),
    "dataset.derive": gettext_lazy("New version"),
}


@dataclass(frozen=True)
class JobRow:
    """Work that is under way on a version, or that failed lately."""

    job: Job
    problem: Explained | None

    @property
    def title(self) -> str:
        return str(JOB_TITLES[self.job.kind])


def context(
    dataset: Dataset, versions: Sequence[DatasetVersion], version: DatasetVersion, template: str
) -> dict[str, Any]:
    template = template if template in TEMPLATES else TEMPLATES[0]
    report = newest_report(version)
    rows = [JobRow(job, explain(job.problem)) for job in jobs_of(version)]
    under_way = [row.job for row in rows if not row.job.is_over()]
    return {
        "dataset": dataset,
        "versions": with_differences(versions),
        "version": version,
        "latest": versions[0],
        "files": version.files.all(),
        "rows": rendered(version, template),
        "template": template,
        "templates": TEMPLATES if version.kind != "text" else (),
        "report": report,
        "findings": findings.of(report, dataset) if report else None,
        "differences": changes(version),
        "tokenizations": finished(version),
        # Each where its result will stand.
        "report_jobs": [row for row in rows if row.job.kind != "dataset.tokenize"],
        "token_jobs": [row for row in rows if row.job.kind == "dataset.tokenize"],
        "topics": " ".join(job_topic(job.pk) for job in under_way),
        "under_way": {job.kind for job in under_way},
        "report_form": ReportForm(initial=report.options if report else None),
        "tokenize_form": TokenizeForm(),
        "derive_form": DeriveForm(),
    }


def rendered(version: DatasetVersion, template: str) -> list[preview.Rendered]:
    if version.reading["format"] == "text":
        return preview.of_text(version.sample)
    return preview.rendered(version.kind, version.sample, template)


def finished(version: DatasetVersion) -> list[Tokenization]:
    return list(version.tokenizations.exclude(figures={}))


def jobs_of(version: DatasetVersion) -> list[Job]:
    """The newest work of each kind on the version, unless it went well."""
    jobs = Job.objects.filter(
        project=version.dataset.project_id,
        kind__in=JOB_TITLES,
        params__version=version.pk,
    )
    newest = jobs.order_by("kind", "-pk").distinct("kind")
    return [job for job in newest if job.state != Job.State.SUCCEEDED]


@dataclass(frozen=True)
class VersionRow:
    version: DatasetVersion
    # What changed since the version before, by field; absent where nothing did.
    differences: dict[str, int]


def with_differences(versions: Sequence[DatasetVersion]) -> list[VersionRow]:
    """Newest first, each with the version before it."""
    figures = ("rows", "characters", "bytes", "documents")
    rows = []
    for version, before in zip(versions, [*versions[1:], None], strict=True):
        changes = {
            name: getattr(version, name) - getattr(before, name) for name in figures if before
        }
        rows.append(VersionRow(version, {name: by for name, by in changes.items() if by}))
    return rows


def changes(version: DatasetVersion) -> list[findings.Difference]:
    """Between the newest reports of a version and of the one before it."""
    before = version.dataset.versions.filter(number__lt=version.number).first()
    new, old = newest_report(version), newest_report(before) if before else None
    return findings.differences(old, new) if old and new else []


def newest_report(version: DatasetVersion) -> Report | None:
    return version.reports.exclude(figures={}).first()
