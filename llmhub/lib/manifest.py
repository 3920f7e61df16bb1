"""What a checkpoint consists of: its files, their sizes and hashes, written down beside them.

A checkpoint is a directory `step-<n>` that appears by a rename, after its manifest was checked.
Directories under other names are unfinished or on their way out and are nobody's business.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmhub.lib.rundir import write_json

NAME = "manifest.json"
_STEP = re.compile(r"step-(\d+)\Z")


class Corrupt(Exception):
    """A checkpoint is not what its manifest says; the message names the file."""


def write(directory: Path, *, step: int, val_loss: float | None) -> None:
    """Hashes every file under `directory`; `val_loss` in nats per token, where it was measured."""
    files = {
        str(path.relative_to(directory)): {"bytes": path.stat().st_size, "sha256": file_hash(path)}
        for path in _files(directory)
    }
    write_json(directory / NAME, {"step": step, "val_loss": val_loss, "files": files})


def read(directory: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((directory / NAME).read_text())
    except (OSError, ValueError) as error:
        raise Corrupt(f"{directory.name}: {NAME} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise Corrupt(f"{directory.name}: {NAME} does not list files")
    return manifest


def verify(directory: Path) -> dict[str, Any]:
    """The manifest, after every file was read again and found to be what was written."""
    manifest = read(directory)
    for name, expected in manifest["files"].items():
        path = directory / name
        if not path.is_file():
            raise Corrupt(f"{directory.name}: {name} is missing")
        if path.stat().st_size != expected["bytes"] or file_hash(path) != expected["sha256"]:
            raise Corrupt(f"{directory.name}: {name} has changed since it was written")
    return manifest


def digest(directory: Path) -> str:
    """SHA-256 of the manifest, which stands for the whole checkpoint."""
    return file_hash(directory / NAME)


def size(directory: Path) -> int:
    """Bytes of all files of a checkpoint."""
    return sum(path.stat().st_size for path in _files(directory))


def steps(checkpoints: Path) -> dict[int, Path]:
    """The finished checkpoints under a directory by their step, oldest first."""
    if not checkpoints.is_dir():
        return {}
    found = ((_STEP.match(path.name), path) for path in checkpoints.iterdir())
    return dict(sorted((int(match[1]), path) for match, path in found if match))


def file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(directory: Path) -> Iterator[Path]:
    return (path for path in sorted(directory.rglob("*")) if path.is_file() and path.name != NAME)
