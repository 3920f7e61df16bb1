"""Datasets and their versions: made from read files, described, deleted."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import ProtectedError
from django.utils.text import slugify
from django.utils.translation import gettext as _

from llmhub.accounts.models import Project
from llmhub.datasets import storing
from llmhub.datasets.identity import content_hash
from llmhub.datasets.models import Dataset, DatasetFile, DatasetVersion
from llmhub.jobs import lifecycle as jobs
from llmhub.jobs.models import Job
from llmhub.lib.problems import Problem

if TYPE_CHECKING:
    from llmhub.accounts.models import User

# What is said of a dataset besides its name.
FACTS = ("description", "source", "licence", "licence_note", "is_benchmark")


class Refused(Exception):
    """Not done; the text is for the person who asked."""


@dataclass(frozen=True)
class ReadFiles:
    """Files that a job has read whole, and what it found in them."""

    # Each "name", "sha256", "bytes", in the order of `paths`.
    files: list[dict[str, Any]]
    paths: list[Path]
    reading: dict[str, Any]
    # rows, documents, bytes, characters, skipped, sample
    figures: dict[str, Any]

    @classmethod
    def of(cls, result: dict[str, Any], reading: dict[str, Any], paths: list[Path]) -> ReadFiles:
        names = ("rows", "documents", "bytes", "characters", "skipped", "sample")
        figures = {name: result[name] for name in names}
        return cls(result["files"], paths, reading, figures)

    @property
    def sha256(self) -> str:
        return content_hash([file["sha256"] for file in self.files], self.reading)


def lock(project: Project) -> None:
    """Lines up people who register the same content, or the same name, at once."""
    Project.objects.select_for_update().get(pk=project.pk)


def refuse_known(project: Project, read: ReadFiles) -> None:
    """Raises Problem where the project has this content; a damaged file of it is made whole."""
    known = DatasetVersion.objects.filter(dataset__project=project, sha256=read.sha256)
    version = known.select_related("dataset").first()
    if version is None:
        return
    files = zip(version.files.all(), read.paths, strict=True)
    repaired = sum(storing.repair(file, path) for file, path in files)
    raise Problem("repaired" if repaired else "already_there", version=str(version))


def create(project: Project, name: str, user: User | None, **facts: Any) -> Dataset:
    """The caller holds the project's lock."""
    return Dataset.objects.create(
        project=project, slug=free_slug(project, name), name=name, created_by=user, **facts
    )


@transaction.atomic
def add_version(
    dataset: Dataset, read: ReadFiles, user: User | None, **more: Any
) -> DatasetVersion:
    """The next version; takes the files over. Raises Problem where the project has this content."""
    lock(dataset.project)
    refuse_known(dataset.project, read)
    latest = dataset.versions.first()
    version = DatasetVersion.objects.create(
        dataset=dataset,
        number=latest.number + 1 if latest else 1,
        sha256=read.sha256,
        kind=read.reading["kind"],
        reading=read.reading,
        created_by=user,
        **read.figures,
        **more,
    )
    DatasetFile.objects.bulk_create(
        DatasetFile(version=version, position=position, stored=storing.keep(path, file), **file)
        for position, (path, file) in enumerate(zip(read.paths, read.files, strict=True))
    )
    return version


def delete_version(version: DatasetVersion) -> None:
    """With its files, where nothing else uses them; the last version takes the dataset along.

    Raises Refused where a run or a mix names the version.
    """
    names = set(version.files.values_list("stored", flat=True))
    finished = version.tokenizations.exclude(figures={})
    tokens = set(finished.values_list("figures__path", flat=True))
    try:
        with transaction.atomic():
            lock(version.dataset.project)
            for job in Job.objects.open().filter(params__version=version.pk):
                jobs.cancel(job)
            version.delete()
            if not version.dataset.versions.exists():
                version.dataset.delete()
            transaction.on_commit(lambda: storing.remove_unused(names))
            transaction.on_commit(lambda: storing.remove_tokens(tokens))
    except ProtectedError as error:
        raise Refused(refusal(version, error)) from error


def refusal(version: DatasetVersion, error: ProtectedError) -> str:
    users = sorted({type(row)._meta.label for row in error.protected_objects})
    if "runs.Run" in users:
        return _("%(version)s stays: runs were trained on it.") % {"version": version}
    if "registry.EvaluationTask" in users:
        return _("%(version)s stays: models are evaluated on it.") % {"version": version}
    return _("%(version)s stays: a mix contains it.") % {"version": version}


def named(project: Project, name: str) -> Dataset | None:
    return Dataset.objects.filter(project=project, name__iexact=name).first()


def free_slug(project: Project, name: str) -> str:
    """Different names may come to the same slug: those in Chinese all do."""
    base = slugify(name)[:70] or "dataset"
    # These are the addresses of other pages.
    taken = {"new", "imports"}
    taken |= set(Dataset.objects.filter(project=project).values_list("slug", flat=True))
    numbered = (f"{base}-{number}" for number in itertools.count(2))
    return next(slug for slug in itertools.chain([base], numbered) if slug not in taken)
