"""What is known of a step beside its loss: how much of the device was used."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from llmhub.lib import metric_names as names
from llmhub.lib.devices import peak_flops
from llmhub.recipes.estimate import training_flops
from llmhub.recipes.specs import Runtime, Spec
from workers.training.world import World


@dataclass(frozen=True)
class Gauges:
    # Operations per second that all devices together could do; None where that is not known.
    peak: float | None
    flops_per_token: int

    @classmethod
    def of(cls, spec: Spec, module: nn.Module, device: torch.device, world: World) -> Gauges:
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
        peak = peak_flops(name, spec.runtime.precision)
        parameters = sum(parameter.numel() for parameter in module.parameters())
        learning = sum(p.numel() for p in module.parameters() if p.requires_grad)
        return cls(
            peak * world.size if peak else None,
            # What is computed a second time for want of memory is no use of the device.
            training_flops(parameters, learning, Runtime()),
        )

    def __call__(self, tokens_per_second: float) -> Mapping[str, float]:
        values = {names.MEMORY_PEAK.name: float(peak_bytes())}
        if self.peak:
            values[names.MFU.name] = tokens_per_second * self.flops_per_token / self.peak
        return values


def peak_bytes() -> int:
    """The most that the device held for this process; on a processor, the process itself."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
