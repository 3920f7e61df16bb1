"""What to change when the device's memory was not enough."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from llmhub.recipes import shapes
from llmhub.recipes.alignment_estimate import alignment_estimate
from llmhub.recipes.estimate import Device, estimate, process_bytes
from llmhub.recipes.fitting import what_would_fit
from llmhub.recipes.shapes import Shape
from llmhub.recipes.specs import PretrainSpec, Spec

GENERAL = "Take a smaller micro-batch, a shorter context, activation checkpointing or bf16."
# What did not fit although arithmetic may have said so: clearly less than that.
LESS = 0.75


def out_of_memory(spec: Spec | None, base: Path | None = None) -> str:
    """The gentlest change that would fit by arithmetic, as far as that knows the model.

    `base`: the folder of the model that training starts from, where the job names one.
    """
    if spec is None:
        return GENERAL
    device, shape = _device(), _shape_of(spec, base)
    if isinstance(spec, PretrainSpec):
        needed = estimate(spec, device).memory_bytes
    elif shape:
        needed = alignment_estimate(spec, shape, device).memory_bytes
    else:
        return GENERAL
    fit = what_would_fit(spec, device, shape, min(LESS * needed, LESS * device.memory_bytes))
    if fit is None:
        return f"{GENERAL} If none of these is enough, the model is too large for this device."
    changes = ", ".join(f"{name} = {value}" for name, value in fit.changes.items())
    needed = fit.memory_bytes + process_bytes(device)
    return f"By arithmetic this would fit: {changes} (about {needed / 1e9:.1f} GB)."


def _shape_of(spec: Spec, base: Path | None) -> Shape | None:
    if isinstance(spec, PretrainSpec):
        return None
    return shapes.of(spec.model.base_model) or (shapes.of_folder(base) if base else None)


def _device() -> Device:
    if torch.cuda.is_available():
        found = torch.cuda.get_device_properties(torch.cuda.current_device())
        return Device("cuda", found.name, found.total_memory)
    return Device("cpu", "CPU", os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
