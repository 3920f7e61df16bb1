"""Checkpoints: written aside, flushed, hashed, read back, and only then given their name.

step-<n>/
  model.safetensors, config.json, tokenizer.json …   a model that `transformers` loads
  optimizer.pt, rng.pt                               tensors and plain values, loaded as such
  state.json                                         spec, progress, data cursor
  manifest.json                                      all of the above by size and hash
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves
from transformers import PreTrainedModel

from llmhub.lib import durable, manifest
from llmhub.lib.rundir import write_json
from llmhub.recipes import specs
from llmhub.recipes.specs import PretrainSpec
from workers.training import rng, tokenizer
from workers.training.errors import BadCheckpoint, DiskFull
from workers.training.progress import Progress


@dataclass(frozen=True)
class Parts:
    """What changes while training, and what is needed to go on with it."""

    spec: PretrainSpec
    data: list[str]  # SHA-256 of each dataset's version
    model: PreTrainedModel
    optimizer: Optimizer
    tokenizer: Tokenizer
    progress: Progress


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one run: the newest `keep`, and the best by validation loss besides."""

    directory: Path
    keep: int

    def save(self, parts: Parts, val_loss: float | None) -> Path:
        step = parts.progress.step
        self.directory.mkdir(parents=True, exist_ok=True)
        self._sweep()
        self._check_room(parts)
        aside = self.directory / f".step-{step}.writing"
        aside.mkdir()
        _write(aside, parts)
        manifest.write(aside, step=step, val_loss=val_loss)
        durable.flush_all(aside)
        manifest.verify(aside)
        place = self.directory / f"step-{step}"
        self._discard(place)
        aside.rename(place)
        durable.flush(self.directory)
        self._rotate(step)
        return place

    def _sweep(self) -> None:
        """What a killed trainer left: one run has one trainer, so nobody is writing these."""
        for leftover in self.directory.glob(".step-*"):
            shutil.rmtree(leftover)

    def _check_room(self, parts: Parts) -> None:
        """Running out of disk half way has as many error messages as there are writers."""
        needed, free = _tensor_bytes(parts), shutil.disk_usage(self.directory).free
        if free < needed:
            raise DiskFull(
                f"A checkpoint takes {needed / 1e6:,.0f} MB and the disk has {free / 1e6:,.0f} MB "
                "free: make room, or keep fewer checkpoints."
            )

    def _rotate(self, newest: int) -> None:
        """Later steps belong to a course of the run that was given up when it was resumed."""
        existing = manifest.steps(self.directory)
        current = [step for step in existing if step <= newest]
        kept = {*current[-self.keep :], _best(existing, current)}
        for step, path in existing.items():
            if step not in kept:
                self._discard(path)

    def _discard(self, path: Path) -> None:
        """Out of sight in one step: half a checkpoint never carries a checkpoint's name."""
        if path.exists():
            shutil.rmtree(path.rename(path.with_name(f".{path.name}.leaving")))


def _tensor_bytes(parts: Parts) -> int:
    moments = tree_leaves(parts.optimizer.state_dict()["state"])
    tensors = [*parts.model.parameters(), *(leaf for leaf in moments if torch.is_tensor(leaf))]
    return sum(tensor.nbytes for tensor in tensors)


def _best(existing: dict[int, Path], among: list[int]) -> int | None:
    losses: dict[int, float] = {}
    for step in among:
        try:
            loss = manifest.read(existing[step]).get("val_loss")
        except manifest.Corrupt:
            continue
        if loss is not None:
            losses[step] = loss
    return min(losses, key=losses.__getitem__) if losses else None


def _write(place: Path, parts: Parts) -> None:
    parts.model.save_pretrained(place, max_shard_size="10TB")
    tokenizer.for_transformers(parts.tokenizer).save_pretrained(place)
    torch.save(parts.optimizer.state_dict(), place / "optimizer.pt")
    torch.save(rng.state(), place / "rng.pt")
    state = {
        "spec": specs.dump(parts.spec),
        "progress": parts.progress.as_dict(),
        # Batches follow from the seed and the step: the step is the whole cursor.
        "data": {"versions": parts.data, "next_step": parts.progress.step},
    }
    write_json(place / "state.json", state)


def newest_intact(wanted: Path, say: Callable[[str], None]) -> Path | None:
    """`wanted`, or the newest one before it that is what it was when it was written."""
    steps = manifest.steps(wanted.parent)
    limit = next((step for step, path in steps.items() if path == wanted), None)
    earlier = [path for step, path in steps.items() if limit is None or step < limit]
    for path in [wanted, *reversed(earlier)]:
        try:
            manifest.verify(path)
        except manifest.Corrupt as error:
            say(f"Checkpoint passed over: {error}")
        else:
            return path
    return None


def load(place: Path, parts: Parts) -> None:
    """Puts everything back as it was when `place` was written."""
    state = json.loads((place / "state.json").read_text())
    _check_same(state, parts)
    _load_weights(place, parts.model)
    # weights_only: a pickle that would run code is refused.
    parts.optimizer.load_state_dict(
        torch.load(place / "optimizer.pt", map_location="cpu", weights_only=True)
    )
    rng.restore(torch.load(place / "rng.pt", map_location="cpu", weights_only=True))
    vars(parts.progress).update(state["progress"])


def _check_same(state: dict[str, Any], parts: Parts) -> None:
    spec = specs.dump(parts.spec)
    if state["spec"]["model"] != spec["model"]:
        raise BadCheckpoint("The checkpoint holds another model than the recipe describes.")
    if state["spec"]["data"] != spec["data"] or state["data"].get("versions") != parts.data:
        raise BadCheckpoint("The checkpoint was trained on other data than the run names.")


def _load_weights(place: Path, model: PreTrainedModel) -> None:
    """Tied weights are stored once, under the name of the first."""
    missing, unexpected = model.load_state_dict(
        load_file(place / "model.safetensors"), strict=False
    )
    tied = set(model.all_tied_weights_keys)
    if unexpected or not tied.issuperset(missing):
        raise BadCheckpoint(f"The checkpoint's weights do not fit: {missing + unexpected}.")
