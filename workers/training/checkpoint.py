"""Checkpoints: written aside, flushed, hashed, read back, and only then given their name.

step-<n>/
  model.safetensors, config.json, tokenizer.json …   a model that `transformers` loads
  trained.safetensors     trainable weights that the model's file does not hold: adapters, heads
  optimizer.safetensors   the optimizer's state by the name of its weight
  rng.pt                  random generators of every process: tensors and plain values
  state.json              spec, progress, data, controllers
  manifest.json           all of the above by size and hash

Weights and optimizer are whole tensors under the names of the model's parameters, however many
processes trained and divided them: any number of processes can go on from there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves

from llmhub.lib import durable, manifest
from llmhub.lib.rundir import write_json
from llmhub.recipes import specs
from llmhub.recipes.specs import Spec
from workers.training import rng
from workers.training.errors import BadCheckpoint, DiskFull
from workers.training.models.trained import Trained, like
from workers.training.parallel import whole
from workers.training.progress import Progress
from workers.training.world import World

# Raised when a checkpoint of an earlier release cannot be gone on from.
FORMAT = 2

TRAINED, OPTIMIZER = "trained.safetensors", "optimizer.safetensors"
RNG, STATE = "rng.pt", "state.json"


class Stateful(Protocol):
    """What changes while training and follows neither from the seed nor from the step."""

    def state(self) -> dict[str, Any]: ...

    def restore(self, state: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True)
class Parts:
    """What changes while training, and what is needed to go on with it."""

    spec: Spec
    data: list[str]  # SHA-256 of each dataset's version
    trained: Trained
    optimizer: Optimizer
    progress: Progress
    world: World
    controllers: Mapping[str, Stateful] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one run: the newest `keep`, and besides them the best by validation loss
    and those that `pinned` names by their steps."""

    directory: Path
    keep: int
    pinned: Path | None = None

    def save(self, parts: Parts, val_loss: float | None) -> Path:
        """All processes come here; the first one writes."""
        step = parts.progress.step
        place = self.directory / f"step-{step}"
        aside = self.directory / f".step-{step}.writing"
        tensors = _gathered(parts)
        generators = parts.world.gather(rng.state())
        if parts.world.is_first:
            self._begin(aside, parts)
            _write(aside, parts, tensors, list(generators))
            self._finish(aside, place, step, val_loss)
        parts.world.wait()
        return place

    def _begin(self, aside: Path, parts: Parts) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._sweep()
        self._check_room(parts)
        aside.mkdir()

    def _finish(self, aside: Path, place: Path, step: int, val_loss: float | None) -> None:
        manifest.write(aside, step=step, val_loss=val_loss)
        durable.flush_all(aside)
        manifest.verify(aside)
        self._discard(place)
        aside.rename(place)
        durable.flush(self.directory)
        self._rotate(step)

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
        kept = {*current[-self.keep :], _best(existing, current), *self._pinned_steps()}
        for step, path in existing.items():
            if step not in kept:
                self._discard(path)

    def _pinned_steps(self) -> list[int]:
        try:
            steps = json.loads(self.pinned.read_text()) if self.pinned else []
        except (OSError, ValueError):
            return []
        return steps if isinstance(steps, list) else []

    def _discard(self, path: Path) -> None:
        """Out of sight in one step: half a checkpoint never carries a checkpoint's name."""
        if path.exists():
            shutil.rmtree(path.rename(path.with_name(f".{path.name}.leaving")))


def _tensor_bytes(parts: Parts) -> int:
    moments = tree_leaves(parts.optimizer.state_dict()["state"])
    tensors = [
        *parts.trained.module.parameters(),
        *(leaf for leaf in moments if torch.is_tensor(leaf)),
    ]
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


@dataclass(frozen=True)
class Tensors:
    """Whole, on the processor; only the first process holds them."""

    model: dict[str, Tensor]
    trained: dict[str, Tensor]
    optimizer: dict[str, Tensor]


def _gathered(parts: Parts) -> Tensors:
    def collected(named: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """One at a time, so that no device ever holds the whole of a divided model."""
        found = {}
        for name, tensor in named.items():
            full = whole(tensor.detach())
            if parts.world.is_first:
                found[name] = full.to("cpu").contiguous()
        return found

    return Tensors(
        model=collected(parts.trained.exported_state()),
        trained=collected(parts.trained.extra_parameters()),
        optimizer=collected(_optimizer_state(parts)),
    )


def _optimizer_state(parts: Parts) -> dict[str, Tensor]:
    """“<weight>/<moment>” -> tensor."""
    named: dict[Tensor, str] = {
        parameter: name for name, parameter in parts.trained.module.named_parameters()
    }
    return {
        f"{named[parameter]}/{moment}": value
        for parameter, moments in parts.optimizer.state.items()
        for moment, value in moments.items()
    }


def _write(place: Path, parts: Parts, tensors: Tensors, generators: list[dict[str, Any]]) -> None:
    parts.trained.export(place, tensors.model)
    if tensors.trained:
        save_file(tensors.trained, place / TRAINED)
    save_file(tensors.optimizer, place / OPTIMIZER)
    torch.save(generators, place / RNG)
    state = {
        "format": FORMAT,
        "spec": specs.dump(parts.spec),
        "progress": parts.progress.as_dict(),
        # Batches follow from the seed and the step: the step is the whole cursor.
        "data": {"versions": parts.data, "next_step": parts.progress.step},
        "controllers": {name: part.state() for name, part in parts.controllers.items()},
    }
    write_json(place / STATE, state)


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
    state = json.loads((place / STATE).read_text())
    _check_same(state, parts)
    parts.trained.restore(place)
    if extra := parts.trained.extra_parameters():
        _load_into(extra, place / TRAINED)
    _load_optimizer(place / OPTIMIZER, parts)
    _restore_generators(place / RNG, parts.world)
    vars(parts.progress).update(state["progress"])
    for name, part in parts.controllers.items():
        part.restore(state["controllers"][name])


def _check_same(state: dict[str, Any], parts: Parts) -> None:
    if state.get("format") != FORMAT:
        raise BadCheckpoint("The checkpoint was written by another release of llmhub.")
    spec = specs.dump(parts.spec)
    same = ("objective", "model", "lora")
    if any(state["spec"].get(part) != spec.get(part) for part in same):
        raise BadCheckpoint("The checkpoint holds another model than the recipe describes.")
    if state["spec"]["data"] != spec["data"] or state["data"].get("versions") != parts.data:
        raise BadCheckpoint("The checkpoint was trained on other data than the run names.")


def _load_into(parameters: Mapping[str, nn.Parameter], path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        missing = parameters.keys() - set(file.keys())
        if missing:
            raise BadCheckpoint(f"The checkpoint's weights do not fit: {sorted(missing)}.")
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(like(parameter, file.get_tensor(name)))


def _load_optimizer(path: Path, parts: Parts) -> None:
    parameters = dict(parts.trained.module.named_parameters())
    with safe_open(path, framework="pt") as file:
        for key in file.keys():  # noqa: SIM118 - a file of safetensors is no dictionary
            name, _, moment = key.rpartition("/")
            if name not in parameters:
                raise BadCheckpoint(f"The checkpoint's optimizer does not fit: {name}.")
            parameter = parameters[name]
            value = file.get_tensor(key)
            # Counters are numbers, not of the weight's shape.
            is_moment = value.shape == parameter.shape
            parts.optimizer.state[parameter][moment] = (
                like(parameter, value) if is_moment else value.to(parameter.device)
            )


def _restore_generators(path: Path, world: World) -> None:
    # weights_only: a pickle that would run code is refused.
    generators = torch.load(path, map_location="cpu", weights_only=True)
    # Another number of processes: their draws are not the same either.
    if world.rank < len(generators):
        rng.restore(generators[world.rank])
