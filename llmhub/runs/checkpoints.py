"""The checkpoints of a run: what the hub knows of them, and from which one a run goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field

from llmhub.jobs.live import publish
from llmhub.lib import manifest
from llmhub.runs.live import run_topic
from llmhub.runs.models import Attempt, Checkpoint, Run
from llmhub.runs.states import TERMINAL, State
from llmhub.runs.transitions import lock

MAX_COUNT = 2**53 - 1
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]


class Reported(BaseModel):
    """One verified checkpoint as a worker's supervisor tells it."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    step: Count
    path: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]+$")]
    bytes: Count
    manifest_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    val_loss: float | None = None


@transaction.atomic
def record(attempt: Attempt, reported: Iterable[Reported]) -> bool:
    """Takes over which checkpoints the worker's disk holds; False when the attempt is stale."""
    run = attempt.run
    lock(run)
    if attempt.fence != run.fence:
        return False
    held = {(one.step, one.manifest_sha256): one for one in reported}
    known = {(row.step, row.manifest_sha256): row for row in here(run)}
    gone = [row.pk for key, row in known.items() if key not in held]
    Checkpoint.objects.filter(pk__in=gone).update(removed_at=timezone.now())
    for key in held.keys() - known.keys():
        add(attempt, held[key])
    return True


def here(run: Run) -> QuerySet[Checkpoint]:
    return run.checkpoints.filter(removed_at=None)


def pin(checkpoint: Checkpoint, *, pinned: bool) -> bool:
    """The rotation leaves a pinned one alone. False where it is gone already."""
    kept = Checkpoint.objects.filter(pk=checkpoint.pk, removed_at=None)
    if not kept.update(pinned=pinned):
        return False
    publish(run_topic(checkpoint.run_id), {"type": "checkpoint", "run": checkpoint.run_id})
    return True


def is_deleted(checkpoint: Checkpoint) -> bool:
    """Whether somebody has deleted its folder: then the hub takes note that it is not kept."""
    if not is_on_this_machine(checkpoint) or not is_missing(Path(checkpoint.path)):
        return False
    kept = Checkpoint.objects.filter(pk=checkpoint.pk, removed_at=None)
    if kept.update(removed_at=timezone.now()):
        publish(run_topic(checkpoint.run_id), {"type": "checkpoint", "run": checkpoint.run_id})
    return True


def is_on_this_machine(checkpoint: Checkpoint) -> bool:
    """The disk of another machine may have other things at the same path."""
    worker = checkpoint.attempt.worker
    return worker is not None and worker.name == settings.HUB_NODE


def is_missing(place: Path) -> bool:
    try:
        place.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    # It may be there and not for the hub to see.
    except OSError:
        return False
    return False


def pinned_steps(run: Run) -> list[int]:
    """Those that a person wants kept, and those that runs start from which are not over."""
    used = Q(uses__run__state__in=[state for state in State if state not in TERMINAL])
    wanted = here(run).filter(Q(pinned=True) | used).order_by("step")
    return list(wanted.values_list("step", flat=True).distinct())


def add(attempt: Attempt, one: Reported) -> None:
    values = one.model_dump() | {"removed_at": None}
    # The same attempt may write a step again, after it went back to an older one.
    Checkpoint.objects.update_or_create(
        run=attempt.run, attempt=attempt, step=values.pop("step"), defaults=values
    )
    publish(
        run_topic(attempt.run_id),
        {"type": "checkpoint", "run": attempt.run_id} | one.model_dump(exclude={"path"}),
    )


def newest_on_disk(run: Run, directory: Path) -> tuple[int, Path] | None:
    """The step and place of the newest whole checkpoint; broken ones are passed over.

    The disk says what there is; where the hub knows a checkpoint, it must be the one it knows.
    """
    known = dict(here(run).order_by("created_at").values_list("step", "manifest_sha256"))
    for step, path in reversed(manifest.steps(directory).items()):
        if known.get(step) in {None, digest(path)} and is_whole(path):
            return step, path
    return None


def digest(path: Path) -> str:
    try:
        return manifest.digest(path)
    except OSError:
        return ""


def is_whole(path: Path) -> bool:
    """Every file is there in its size. The trainer reads the bytes anyway and checks the hashes."""
    try:
        files = manifest.read(path)["files"]
        return all((path / name).stat().st_size == file["bytes"] for name, file in files.items())
    except (manifest.Corrupt, OSError, KeyError, TypeError, json.JSONDecodeError):
        return False
