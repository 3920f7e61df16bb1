"""Files that are there with all of their bytes, or not there: also after a crash of the machine."""

from __future__ import annotations

import os
from pathlib import Path


def publish(aside: Path, place: Path) -> None:
    """Gives a finished file or folder its name, once everything in it is on the disk."""
    flush_all(aside)
    aside.replace(place)
    flush(place.parent)


def flush_all(place: Path) -> None:
    """Waits for a file, or for a folder and all that is in it."""
    for path in [*place.rglob("*"), place]:
        flush(path)


def flush(path: Path) -> None:
    """Waits until a file's bytes, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
