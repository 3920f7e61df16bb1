"""Files that are there with all of their bytes, or not there: also after a crash of the machine."""

from __future__ import annotations

import os
from pathlib import Path


def publish(aside: Path, place: Path) -> None:
    """Gives a finished file or folder its name, once everything in it is on the disk."""
    for path in [*aside.rglob("*"), aside]:
        flush(path)
    aside.replace(place)
    flush(place.parent)


def flush(path: Path) -> None:
    """Waits until a file's bytes, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
