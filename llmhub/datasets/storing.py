"""Registered files in the default storage: each content once and whole, under its hash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage

from llmhub.datasets.models import DatasetFile
from llmhub.lib import durable, manifest

# Readers go by the content; the ending helps a person who looks into the folder.
ENDINGS = (".gz", ".zst", ".txt", ".jsonl", ".csv", ".tsv", ".parquet")


class StagedFile(File):  # type: ignore[type-arg]
    """A file that the storage may take over instead of copying it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"), name=path.name)
        self._path = path

    def temporary_file_path(self) -> str:
        return str(self._path)


def keep(staged: Path, facts: dict[str, Any]) -> str:
    """The name in the storage of a file whose `sha256` and `bytes` are known; `staged` is gone."""
    name = f"datasets/{facts['sha256'][:2]}/{facts['sha256']}{ending(facts['name'])}"
    if default_storage.exists(name):
        if default_storage.size(name) == facts["bytes"]:
            staged.unlink()
            return name
        # Damaged: this is the chance to repair it.
        default_storage.delete(name)
    durable.flush(staged)
    with StagedFile(staged) as content:
        return default_storage.save(name, content)


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


def remove_unused(names: set[str]) -> None:
    """Deletes files that no version of any project uses any more."""
    used = set(DatasetFile.objects.filter(stored__in=names).values_list("stored", flat=True))
    for name in names - used:
        default_storage.delete(name)
