"""Registering texts: the file under its hash in the storage, the facts in the database."""

from __future__ import annotations

import itertools
import uuid
from pathlib import Path
from typing import IO, TYPE_CHECKING

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.text import slugify

from llmhub.accounts.models import Project
from llmhub.datasets.models import Dataset, DatasetVersion
from llmhub.datasets.text import Facts, inspect
from llmhub.lib import durable

if TYPE_CHECKING:
    from llmhub.accounts.models import User


class AlreadyThere(Exception):
    """The project holds this very text already."""

    def __init__(self, version: DatasetVersion) -> None:
        super().__init__(version)
        self.version = version


def register(
    project: Project,
    name: str,
    file_obj: IO[bytes],
    user: User | None,
    *,
    source: str = "",
    licence: str = "",
    description: str = "",
) -> DatasetVersion:
    """The first version of a new dataset, or the next one of the dataset of this name.

    Raises BadText for what is no UTF-8 text, AlreadyThere for a text the project has.
    """
    file = File(file_obj)
    facts = inspect(file.chunks(), settings.DATASET_MAX_BYTES)
    with transaction.atomic():
        # The lock lines up people who send the same text, or the same name, at once.
        Project.objects.select_for_update().get(pk=project.pk)
        refuse_known(project, facts)
        dataset = named(project, name) or Dataset.objects.create(
            project=project,
            slug=free_slug(project, name),
            name=name,
            source=source,
            licence=licence,
            description=description,
            created_by=user,
        )
        return add_version(dataset, file, facts, user)


def refuse_known(project: Project, facts: Facts) -> None:
    known = DatasetVersion.objects.filter(dataset__project=project, sha256=facts.sha256)
    version = known.select_related("dataset").first()
    if version:
        raise AlreadyThere(version)


def add_version(
    dataset: Dataset, file: File[bytes], facts: Facts, user: User | None
) -> DatasetVersion:
    latest = dataset.versions.first()
    return DatasetVersion.objects.create(
        dataset=dataset,
        number=latest.number + 1 if latest else 1,
        file=store(file, facts),
        created_by=user,
        **vars(facts),
    )


def store(file: File[bytes], facts: Facts) -> str:
    """The name in the storage; the same text is kept once, whoever registers it."""
    name = f"datasets/{facts.sha256[:2]}/{facts.sha256}.txt"
    # A file of another size is damaged: this is the chance to repair it.
    if not default_storage.exists(name) or default_storage.size(name) != facts.bytes:
        write_whole(file, Path(default_storage.path(name)))
    return name


def write_whole(file: File[bytes], place: Path) -> None:
    """Under a hash there is the whole text or nothing, even if the disk is full half way."""
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.with_name(f".{place.name}.{uuid.uuid4().hex}")
    try:
        with aside.open("wb") as target:
            target.writelines(file.chunks())
        durable.publish(aside, place)
    finally:
        aside.unlink(missing_ok=True)


def named(project: Project, name: str) -> Dataset | None:
    return Dataset.objects.filter(project=project, name__iexact=name).first()


def free_slug(project: Project, name: str) -> str:
    """Different names may come to the same slug: those in Chinese all do."""
    base = slugify(name)[:70] or "dataset"
    # `new` is the address of the form.
    taken = {"new", *Dataset.objects.filter(project=project).values_list("slug", flat=True)}
    numbered = (f"{base}-{number}" for number in itertools.count(2))
    return next(slug for slug in itertools.chain([base], numbered) if slug not in taken)
