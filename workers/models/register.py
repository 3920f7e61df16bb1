"""Takes a checkpoint's model into the registry: `python -m workers.models.register <folder>`.

Every byte of the checkpoint is read and compared with its manifest. The files that `transformers`
loads come to `model/` in the job's folder, which the hub then gives its name: until that moment
there is no version, and whatever ends the job ends the folder too.
"""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
from collections import Counter
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from llmhub.lib import durable, manifest
from llmhub.lib.problems import Problem
from workers.data.progress import Progress
from workers.work import Work, run

FOLDER = "model"
# What only a training needs that goes on from here.
OF_THE_TRAINING = frozenset(
    {"trained.safetensors", "optimizer.safetensors", "rng.pt", "state.json"}
)
CONFIG = "config.json"
WEIGHTS = "*.safetensors"
# How architectures call the longest text that they read.
CONTEXT = ("max_position_embeddings", "n_positions", "n_ctx")
COPIED_AT_ONCE = 2**30
LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100 * 2**20


def register(values: dict[str, Any], progress: Progress) -> dict[str, Any]:
    source, target = Path(values["source"]), Path(values["folder"]) / FOLDER
    listed = files_of(source, values["manifest_sha256"])
    target.mkdir()
    total = sum(facts["bytes"] for facts in listed.values())
    done = 0
    for name, facts in listed.items():
        progress("copying", done, total)
        place = source / name
        if name not in OF_THE_TRAINING:
            place = brought(place, target / name)
        check(place, name, facts)
        done += facts["bytes"]
    if not (target / CONFIG).is_file() or not any(target.glob(WEIGHTS)):
        raise Problem("not_a_model", name=source.name)
    progress("writing", 0, 1)
    durable.flush_all(target)
    kept = {name: facts for name, facts in listed.items() if name not in OF_THE_TRAINING}
    return {
        "files": [{"name": name, **facts} for name, facts in kept.items()],
        "bytes": sum(facts["bytes"] for facts in kept.values()),
        "facts": facts_of(target),
    }


def files_of(source: Path, sha256: str) -> dict[str, dict[str, Any]]:
    """What the manifest lists, where it is still the one that the hub was told of."""
    if not source.is_dir():
        raise Problem("checkpoint_missing", folder=str(source))
    try:
        listed = manifest.read(source)["files"]
        is_same = manifest.digest(source) == sha256
    except (manifest.Corrupt, OSError) as error:
        raise Problem("checkpoint_changed", file=manifest.NAME) from error
    if not is_same:
        raise Problem("checkpoint_changed", file=manifest.NAME)
    for name in listed:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise Problem("checkpoint_changed", file=name)
    return dict(listed)


def brought(place: Path, target: Path) -> Path:
    """A file of the version's own, which nobody writes into. The disk shares the bytes where it can
    (reflinks); a hard link would change with whatever is done to the checkpoint."""
    # A link would be taken along as a link, and lead elsewhere one day.
    if place.is_symlink() or not place.is_file():
        raise Problem("checkpoint_changed", file=place.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        clone(place, target)
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}:
            raise
        shutil.copyfile(place, target)
    target.chmod(0o444)
    return target


def clone(place: Path, target: Path) -> None:
    with place.open("rb") as source, target.open("wb") as made:
        while os.copy_file_range(source.fileno(), made.fileno(), COPIED_AT_ONCE):
            pass


def check(place: Path, name: str, facts: dict[str, Any]) -> None:
    """The bytes that are kept are the ones that are read here."""
    try:
        is_same = place.stat().st_size == facts["bytes"]
        is_same = is_same and manifest.file_hash(place) == facts["sha256"]
    except FileNotFoundError:
        is_same = False
    if not is_same:
        raise Problem("checkpoint_changed", file=name)


def facts_of(folder: Path) -> dict[str, Any]:
    """What the files say of the model, without loading it; what they do not say is left out."""
    config = config_of(folder)
    weights: Counter[str] = Counter()
    for path in folder.glob(WEIGHTS):
        weights.update(weights_of(path))
    facts = {
        "architecture": next(iter(config.get("architectures") or ()), None),
        "context": next((config[name] for name in CONTEXT if config.get(name)), None),
        "vocabulary": config.get("vocab_size"),
        "parameters": sum(weights.values()) or None,
        "types": dict(weights),
    }
    return {name: value for name, value in facts.items() if value}


def config_of(folder: Path) -> dict[str, Any]:
    with suppress(ValueError):
        config = json.loads((folder / CONFIG).read_text())
        return config if isinstance(config, dict) else {}
    return {}


def weights_of(path: Path) -> Counter[str]:
    """How many numbers of each type, from the head of the file."""
    found: Counter[str] = Counter()
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        if length > MAX_HEADER_BYTES:
            return found
        try:
            head = json.loads(file.read(length))
            for name, tensor in head.items():
                if name != "__metadata__":
                    found[tensor["dtype"]] += math.prod(tensor["shape"])
        except (ValueError, TypeError, KeyError, AttributeError):
            return Counter()
    return found


def chosen(values: dict[str, Any]) -> Work:
    return register


if __name__ == "__main__":
    run(chosen, FOLDER)
