"""A version's files are what was registered, or nothing is done with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from llmhub.lib import manifest
from llmhub.lib.problems import Problem


def verify(
    folder: Path,
    files: Sequence[Mapping[str, Any]],
    tell: Callable[[int], None] = lambda done: None,
) -> None:
    """Reads every byte. Raises Problem: `model_missing`, or `model_changed` with the file."""
    if not (folder / "config.json").is_file():
        raise Problem("model_missing")
    for number, file in enumerate(files):
        tell(number)
        path = folder / file["name"]
        if not path.is_file() or manifest.file_hash(path) != file["sha256"]:
            raise Problem("model_changed", file=file["name"])
