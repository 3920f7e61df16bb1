"""Brings data that nobody uploads into the staging folder of an import: a folder, or the hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmhub.lib.problems import Problem
from workers.data.progress import Progress
from workers.data.reading import folder, hub
from workers.data.reading.source import Limits


def fetch(values: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """The files, each under its position in the staging folder, with the names they had."""
    place, staging = values["place"], Path(values["staging"])
    staging.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place["origin"] == "folder":
        names = _from_folder(Path(place["folder"]), values["roots"], staging, progress)
    else:
        names = _from_hub(place, staging, Limits(**values["limits"]), progress)
    sizes = [(staging / str(position)).stat().st_size for position in range(len(names))]
    return {
        "files": [{"name": name, "bytes": size} for name, size in zip(names, sizes, strict=True)]
    }


def _from_folder(
    wanted: Path, roots: Sequence[str], staging: Path, progress: Progress
) -> list[str]:
    root = next((root for root in map(Path, roots) if wanted.is_relative_to(root)), None)
    if root is None:
        raise Problem("outside_root")
    found = folder.copy_in(folder.listing(wanted, root), root, staging, progress)
    for position, copy in enumerate(found):
        Path(copy["path"]).rename(staging / str(position))
    return [copy["name"] for copy in found]


def _from_hub(
    place: dict[str, str], staging: Path, limits: Limits, progress: Progress
) -> list[str]:
    name, config = place["name"], place["config"] or None
    made = hub.fetch(name, config, place["split"], staging, limits, progress)
    made.rename(staging / "0")
    return [made.name]
