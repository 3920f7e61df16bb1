"""What a training will need, found by taking its first step without computing anything.

    python -m workers.training.probe < spec.json

Fake tensors have shape, type and device but no data: the step of the real model goes through the
same operations as in training, on the device of this machine, and every allocation is counted. Not
seen is what kernels and the allocator use for themselves.
"""

from __future__ import annotations

import json
import sys
import weakref
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from llmhub.recipes import specs
from llmhub.recipes.estimate import micro_batches_per_step
from llmhub.recipes.specs import PretrainSpec
from workers.training import models, setup
from workers.training.errors import TrainingError
from workers.training.job import trainable
from workers.training.objectives.pretrain import Pretrain

# AdamW: two moments in fp32 for every weight.
OPTIMIZER_BYTES = 2 * 4

# The attention of training under another name: for a name it does not know, transformers builds
# no mask, as it builds none in training after a look at the data, which fake tensors do not have.
ATTENTION = "sdpa_without_mask"
AttentionInterface.register(ATTENTION, sdpa_attention_forward)


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors made under it, as long as something holds on to them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._counted: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = operation(*args, **(kwargs or {}))
        for leaf in tree_leaves(made):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        """Views share a storage, which counts once."""
        if storage in self._counted:
            return
        self._counted.add(storage)
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._release, storage.nbytes())

    def _release(self, size: int) -> None:
        self.now -= size


def main() -> int:
    try:
        needs = probe(trainable(json.load(sys.stdin)), setup.configure_torch())
    except (TrainingError, json.JSONDecodeError) as error:
        print(json.dumps({"error": str(error)}))
        return 2
    print(json.dumps(needs))
    return 0


def probe(spec: PretrainSpec, device: torch.device) -> dict[str, int]:
    """Bytes on one device. `activations` wait for the backward pass, `peak` is the most at once."""
    with FakeTensorMode():
        return measure(spec, device, ATTENTION)


def measure(spec: PretrainSpec, device: torch.device, attention: str) -> dict[str, int]:
    """As many micro-batches as it takes to reach the peak: in the second, gradients are there."""
    accumulation = micro_batches_per_step(spec.training, spec.model.context_length, devices=1)
    with LiveBytes() as live:
        # What torch.compile saves is known to nobody before it has compiled.
        model = models.build(
            spec.model, specs.change(spec.runtime, compile=False), device, attention
        )
        parameters = sum(parameter.numel() for parameter in model.parameters())
        weights = live.now
        for _ in range(min(2, accumulation)):
            before = live.now
            loss = _forward(spec, model, device)
            activations = live.now - before
            loss.backward()
            del loss
    optimizer = OPTIMIZER_BYTES * parameters
    return {
        "parameters": parameters,
        "weights_bytes": weights,
        "gradients_bytes": 4 * parameters,
        "optimizer_bytes": optimizer,
        "activations_bytes": activations,
        "peak_bytes": live.peak + optimizer,
    }


def _forward(spec: PretrainSpec, model: torch.nn.Module, device: torch.device) -> Tensor:
    shape = spec.training.micro_batch_size, spec.model.context_length + 1
    batch = {"tokens": torch.zeros(shape, dtype=torch.long, device=device)}
    with torch.autocast(device.type, torch.bfloat16, enabled=spec.runtime.precision == "bf16"):
        return Pretrain().loss(model, batch)


if __name__ == "__main__":
    sys.exit(main())
