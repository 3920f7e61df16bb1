"""The jobs on data: what each process is told, and what becomes of its result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from llmhub.datasets import imports, services
from llmhub.datasets.models import Dataset, DatasetVersion, Import, Report, Tokenization
from llmhub.datasets.services import ReadFiles
from llmhub.lib.problems import Problem

if TYPE_CHECKING:
    from llmhub.jobs.models import Job


def limits() -> dict[str, int]:
    return {
        "row_bytes": settings.DATASET_MAX_ROW_BYTES,
        "rows": settings.DATASET_MAX_ROWS,
        "expanded_bytes": settings.DATASET_MAX_EXPANDED_BYTES,
    }


class DataJob:
    module = "workers.data"
    is_quick = False
    work = ""

    def values(self, job: Job) -> dict[str, Any]:
        return {
            "work": self.work,
            "memory_bytes": settings.JOB_MEMORY_BYTES,
            "limits": limits(),
            **self.wanted(job),
        }

    def wanted(self, job: Job) -> dict[str, Any]:
        raise NotImplementedError

    def fail(self, job: Job) -> None:
        """Nothing was kept."""


class ImportJob(DataJob):
    """A step of an import, which also has to know when it fails."""

    def import_of(self, job: Job) -> Import | None:
        return Import.objects.filter(pk=job.params["import"], job=job).first()

    def the_import(self, job: Job) -> Import:
        found = self.import_of(job)
        if found is None:
            raise Problem("discarded")
        return found

    def files(self, of: Import) -> list[dict[str, str]]:
        return [
            {"name": file["name"], "path": str(of.staged(position))}
            for position, file in enumerate(of.files)
        ]

    def fail(self, job: Job) -> None:
        found = self.import_of(job)
        if found:
            imports.failed(found, job.problem or Problem("cancelled").as_json())


class Fetch(ImportJob):
    work = "fetch"

    def wanted(self, job: Job) -> dict[str, Any]:
        found = self.the_import(job)
        roots = [str(root) for root in settings.DATA_ROOTS]
        place = {"origin": found.origin, **found.place}
        return {"place": place, "roots": roots, "staging": str(found.staging())}

    def finish(self, job: Job, result: dict[str, Any], folder: Path) -> None:
        imports.fetched(self.the_import(job), result["files"])


class Check(ImportJob):
    work = "check"
    is_quick = True

    def wanted(self, job: Job) -> dict[str, Any]:
        return {"files": self.files(self.the_import(job)), "reading": job.params.get("choice", {})}

    def finish(self, job: Job, result: dict[str, Any], folder: Path) -> None:
        imports.looked_at(self.the_import(job), result)


class Read(ImportJob):
    work = "import"

    def wanted(self, job: Job) -> dict[str, Any]:
        return {"files": self.files(self.the_import(job)), "reading": job.params["reading"]}

    def finish(self, job: Job, result: dict[str, Any], folder: Path) -> None:
        version = imports.was_read(self.the_import(job), job.params["reading"], result)
        job.result["version"] = version.pk


class VersionJob(DataJob):
    """Work on a registered version."""

    def version(self, job: Job) -> DatasetVersion:
        rows = DatasetVersion.objects.select_related("dataset__project")
        found = rows.prefetch_related("files").filter(pk=job.params["version"]).first()
        if found is None:
            raise Problem("discarded")
        return found


class Measure(VersionJob):
    work = "report"

    def wanted(self, job: Job) -> dict[str, Any]:
        version = self.version(job)
        return {
            "source": version.as_source(),
            "benchmarks": benchmarks(version),
            "phone_regions": settings.PHONE_REGIONS,
            "tokenizer": tokenizer_of(version),
            **job.params["options"],
        }

    def finish(self, job: Job, result: dict[str, Any], folder: Path) -> None:
        Report.objects.filter(job=job).update(figures=result)


def benchmarks(version: DatasetVersion) -> list[dict[str, Any]]:
    """The newest version of each benchmark of the project but the version's own dataset."""
    others = Dataset.objects.filter(project=version.dataset.project, is_benchmark=True)
    newest = (
        DatasetVersion.objects.filter(dataset__in=others.exclude(pk=version.dataset_id))
        .order_by("dataset_id", "-number")
        .distinct("dataset_id")
        .select_related("dataset")
        .prefetch_related("files")
    )
    return [{"id": row.pk, "name": str(row), "source": row.as_source()} for row in newest]


def tokenizer_of(version: DatasetVersion) -> dict[str, str | None]:
    """The tokenizer that the version was last tokenized with, if it was."""
    done = version.tokenizations.exclude(figures={}).first()
    return {"path": f"{done.figures['path']}/tokenizer.json" if done else None}


class Tokenize(VersionJob):
    work = "tokenize"

    def wanted(self, job: Job) -> dict[str, Any]:
        return {
            "source": self.version(job).as_source(),
            "choice": job.params["choice"],
            "cache": str(settings.HUB_DATA / "token_cache"),
        }

    def finish(self, job: Job, result: dict[str, Any], folder: Path) -> None:
        Tokenization.objects.filter(job=job).update(figures=result)


class Derive(VersionJob):
    work = "derive"

    def wanted(self, job: Job) -> dict[str, Any]:
        return {
            "source": self.version(job).as_source(),
            "phone_regions": settings.PHONE_REGIONS,
            **job.params["changes"],
        }

    def finish(self, job: Job, result: dict[str, Any], folder: Path) -> None:
        parent = self.version(job)
        read = ReadFiles.of(result, result["reading"], [Path(result["path"])])
        derivation = result["derivation"] | {"changes": job.params["changes"]}
        version = services.add_version(
            parent.dataset, read, job.created_by, parent=parent, derivation=derivation
        )
        job.result["version"] = version.pk
