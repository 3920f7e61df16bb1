"""Tells the hub which verified checkpoints lie on this disk, whenever that changed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from llmhub.lib import manifest
from workers.hub import Hub, Rejected

logger = logging.getLogger(__name__)

Seen = dict[int, int]


class Listing:
    def __init__(self, directory: Path, hub: Hub) -> None:
        self._directory, self._hub = directory, hub
        self._told: Seen | None = None

    def send(self) -> None:
        now = seen(self._directory)
        if now == self._told or (self._told is None and not now):
            return
        try:
            self._hub.checkpoints(described(self._directory))
        except Rejected as error:
            logger.error("The hub does not take these checkpoints: %s", error)
        self._told = now


def seen(directory: Path) -> Seen:
    """Cheap to look at often: a checkpoint appears by a rename and is never changed."""
    found: Seen = {}
    for step, path in manifest.steps(directory).items():
        try:
            found[step] = (path / manifest.NAME).stat().st_mtime_ns
        except OSError:
            continue
    return found


def described(directory: Path) -> list[dict[str, Any]]:
    """What vanishes while it is looked at is left out, and the next look finds the change."""
    listing = []
    for step, path in manifest.steps(directory).items():
        try:
            listing.append(describe(step, path))
        except (OSError, manifest.Corrupt) as error:
            logger.warning("Checkpoint passed over: %s", error)
    return listing


def describe(step: int, path: Path) -> dict[str, Any]:
    return {
        "step": step,
        "path": str(path),
        "bytes": manifest.size(path),
        "manifest_sha256": manifest.digest(path),
        "val_loss": manifest.read(path).get("val_loss"),
    }
