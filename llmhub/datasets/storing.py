"""Registered files in the default storage: each content once and whole, under its hash."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import connection, transaction

from llmhub.datasets.models import DatasetFile, Tokenization
from llmhub.lib import durable, manifest

# Readers go by the content; the ending helps a person who looks into the folder.
ENDINGS = (".gz", ".zst", ".txt", ".jsonl", ".csv", ".tsv", ".parquet")

# Any number that no other lock of this database uses.
FILES_LOCK = 0x6C6C6D03


class StagedFile(File):  # type: ignore[type-arg]
    """A file that the storage may take over instead of copying it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), name=path.name)
        self._path = path

    def temporary_file_path(self) -> str:
        return str(self._path)


def keep(staged: Path, facts: dict[str, Any]) -> str:
    """The name in the storage of a file whose `name` and `sha256` are known.

    To be called in a transaction; the storage takes `staged` over unless it has the content.
    """
    sha256 = facts["sha256"]
    return hold(staged, f"datasets/{sha256[:2]}/{sha256}{ending(facts['name'])}", sha256)


def hold(staged: Path, name: str, sha256: str) -> str:
    """The same under a name that follows from the hash."""
    lock()
    if default_storage.exists(name):
        if hash_of(name) == sha256:
            return name
        # Damaged: this is the chance to repair it.
        default_storage.delete(name)
    durable.flush(staged)
    with StagedFile(staged) as content:
        return default_storage.save(name, content)


def lock() -> None:
    """Until the transaction ends nobody else stores or deletes: another project may be about to use
    the file that this one leaves."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FILES_LOCK])


def hash_of(name: str) -> str:
    with default_storage.open(name, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def repair(file: DatasetFile, staged: Path) -> bool:
    """Puts `staged`, which has the right content, in the place of a file that was damaged."""
    place = file.path()
    if place.exists() and manifest.file_hash(place) == file.sha256:
        return False
    place.parent.mkdir(parents=True, exist_ok=True)
    durable.publish(staged, place)
    return True


def ending(name: str) -> str:
    """The known endings of a file's name, such as `.jsonl.gz`; the rest may be anything."""
    known = ""
    rest = name.lower()
    while True:
        suffix = next((suffix for suffix in ENDINGS if rest.endswith(suffix)), None)
        if suffix is None:
            return known
        known = suffix + known
        rest = rest.removesuffix(suffix)


@transaction.atomic
def remove_unused(names: set[str]) -> None:
    """Deletes files that no version of any project uses any more."""
    lock()
    used = set(DatasetFile.objects.filter(stored__in=names).values_list("stored", flat=True))
    for name in names - used:
        default_storage.delete(name)


@transaction.atomic
def remove_tokens(paths: set[str]) -> None:
    """Deletes tokens on this machine that no version uses any more."""
    used = set(
        Tokenization.objects.filter(figures__path__in=paths).values_list("figures__path", flat=True)
    )
    for path in paths - used:
        shutil.rmtree(path, ignore_errors=True)
