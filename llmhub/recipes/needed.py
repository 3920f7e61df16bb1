"""What a probe is asked, without what changes no byte: equal needs have equal digests. And what
probes have answered for the recipes that come with the hub.

No Django here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from llmhub.recipes import specs
from llmhub.recipes.estimate import Device, micro_batches_per_step
from llmhub.recipes.shapes import Shape
from llmhub.recipes.specs import (
    Data,
    Examples,
    PPOTraining,
    PretrainSpec,
    PretrainTraining,
    Runtime,
    Samples,
    change,
)

# By digest; made by `python -m tests.bench.precompute_needs`.
PRECOMPUTED = Path(__file__).parent / "content" / "needs.json"


@dataclass(frozen=True)
class Needed:
    """A spec, and the shape of the model that it starts from."""

    spec: specs.Spec
    shape: Shape | None

    def as_json(self) -> dict[str, Any]:
        shape = self.shape
        told = (
            {"model": shape.model.model_dump(mode="json"), "is_tied": shape.is_tied}
            if shape
            else None
        )
        return {"spec": specs.dump(essence(self.spec)), "shape": told}


def essence(spec: specs.Spec) -> specs.Spec:
    """The spec without what changes no byte, so that another learning rate is no new probe."""
    runtime = Runtime(
        precision=spec.runtime.precision,
        activation_checkpointing=spec.runtime.activation_checkpointing,
        processes=spec.runtime.processes,
        strategy=spec.runtime.strategy if spec.runtime.processes > 1 else "ddp",
    )
    plain = {"learning_rate": 1e-3, "min_lr": 0.0, "warmup_steps": 0, "warmup_ratio": 0.0}
    plain |= {"seed": 0, "max_steps": 1, **batch_of(spec)}
    same = {"runtime": runtime, "samples": Samples(), "training": change(spec.training, **plain)}
    if isinstance(spec, PretrainSpec):
        return change(spec, data=Data(), **same)
    return change(spec, data=Examples(), model=nameless(spec), **same)


def batch_of(spec: specs.Spec) -> dict[str, Any]:
    """From the second micro-batch on gradients are held while activations grow."""
    training, processes = spec.training, spec.runtime.processes
    if isinstance(training, PretrainTraining):
        assert isinstance(spec, PretrainSpec)
        count = min(2, micro_batches_per_step(training, spec.model.context_length, processes))
        return {
            "batch_size": training.micro_batch_size * processes * count,
            "global_batch_size": None,
            "gradient_accumulation_steps": "auto",
        }
    at_once = training.micro_batch_size * processes
    if isinstance(training, PPOTraining):
        # The answers of a mini-batch are written side by side.
        batches = min(processes, training.batch_size // training.mini_batch_size)
        return {"batch_size": batches * training.mini_batch_size, "epochs": 1, "ppo_epochs": 1}
    return {"batch_size": at_once * min(2, training.batch_size // at_once), "epochs": 1}


def nameless(spec: specs.AlignmentSpec) -> specs.Base:
    """The shape says what the model is."""
    return change(spec.model, **dict.fromkeys(type(spec.model).model_fields, "-"))


def digest(needed: Needed, device: Device | None) -> str:
    """Another kind of device has other kernels, which keep other tensors."""
    wanted = {**needed.as_json(), "device": kind_of(device)}
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def kind_of(device: Device | None) -> str:
    return device.kind if device else ""


def precomputed(needed: Needed, device: Device | None) -> dict[str, int] | None:
    """For the recipes that come with the hub, as they stand and at the scale smoke."""
    return _precomputed().get(digest(needed, device))


@cache
def _precomputed() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(PRECOMPUTED.read_text())
    return found
