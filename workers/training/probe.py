"""What a training will need, found by taking its first step without computing anything.

    python -m workers.training.probe < needed.json       {"spec": …, "shape": … or null}

The shape is that of the model which an alignment starts from: {"model": …, "is_tied": …}.

Fake tensors have shape, type and device but no data: the step of the real model goes through the
same operations as in training, on the device of this machine, and every allocation is counted. Not
seen is what kernels and the allocator use for themselves.
"""

from __future__ import annotations

import gc
import json
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from llmhub.recipes import specs
from llmhub.recipes.estimate import States, states
from llmhub.recipes.specs import PretrainSpec, Spec
from workers.training.errors import BadConfig, TrainingError
from workers.training.first_step import FirstStep, first_step
from workers.training.job import parsed
from workers.training.setup import configure_torch

# Of every weight that learns: in fp32, and AdamW's two moments.
GRADIENT_BYTES = 4
OPTIMIZER_BYTES = 2 * 4

# The attention of training under another name: for a name it does not know, transformers builds
# no mask, as it builds none in training after a look at the data, which fake tensors do not have.
ATTENTION = "sdpa_without_mask"
AttentionInterface.register(ATTENTION, sdpa_attention_forward)


Counted = weakref.WeakKeyDictionary[torch.UntypedStorage, "weakref.finalize[..., Any]"]


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors made under it, as long as something holds on to them."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._counted: Counted = weakref.WeakKeyDictionary()

    def __exit__(self, *error: Any) -> None:
        """Nothing is watched any more, whatever becomes of it."""
        super().__exit__(*error)
        for watching in list(self._counted.values()):
            watching.detach()
        self._counted = weakref.WeakKeyDictionary()

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
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        self._counted[storage] = weakref.finalize(storage, self._release, storage.nbytes())

    def _release(self, size: int) -> None:
        self.now -= size


def main() -> int:
    try:
        needed = json.load(sys.stdin)
        if not isinstance(needed, dict):
            raise BadConfig("Not a spec and a shape.")
        needs = probe(parsed(needed.get("spec")), needed.get("shape"), configure_torch())
    except (TrainingError, json.JSONDecodeError) as error:
        print(json.dumps({"error": str(error)}))
        return 2
    print(json.dumps(needs))
    return 0


def probe(spec: Spec, shape: dict[str, Any] | None, device: torch.device) -> dict[str, int]:
    """Bytes on one device. `activations` wait for the backward pass, `peak` is the most at once."""
    if shape is None and not isinstance(spec, PretrainSpec):
        raise BadConfig("Nobody knows the shape of the base model.")
    # What torch.compile saves is known to nobody before it has compiled.
    spec = specs.change(spec, runtime=specs.change(spec.runtime, compile=False))
    with FakeTensorMode():
        return measure(spec, shape, device, ATTENTION)


def measure(
    spec: Spec, shape: dict[str, Any] | None, device: torch.device, attention: str
) -> dict[str, int]:
    """As many micro-batches as it takes to reach the peak: in the second, gradients are there."""
    with _without_collector(), LiveBytes() as live:
        step = first_step(spec, shape, device, attention)
        held = live.now
        for _ in range(min(2, step.micro_batches)):
            before = live.now
            loss = _forward(spec, step, device)
            activations = live.now - before
            loss.backward()
            del loss
    return _of_process(spec, step, held - step.frozen_bytes, activations, live.peak)


def _of_process(
    spec: Spec, step: FirstStep, weights: int, activations: int, peak: int
) -> dict[str, int]:
    """What one of several processes has, of what one alone was seen to have."""
    whole = States(weights, GRADIENT_BYTES * step.learning, OPTIMIZER_BYTES * step.learning)
    own = states(spec.runtime, whole, step.micro_batches, step.gathered_bytes)
    peak += own.weights - whole.weights + own.gradients - whole.gradients
    written = own.weights + step.frozen_bytes + step.written_bytes
    return {
        "parameters": step.parameters,
        "learning": step.learning,
        "weights_bytes": own.weights,
        "frozen_bytes": step.frozen_bytes,
        "gradients_bytes": own.gradients,
        "optimizer_bytes": own.optimizer,
        "activations_bytes": activations,
        # The moments are there from the second step on.
        "peak_bytes": max(peak, written) + own.optimizer,
    }


@contextmanager
def _without_collector() -> Iterator[None]:
    """What waits for the garbage collector counts, whenever that comes by.

    And it is never collected: torch 2.13 crashes where the remains of a probe are taken apart. A
    probe has a process of its own, which ends soon.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _forward(spec: Spec, step: FirstStep, device: torch.device) -> Tensor:
    # The batch itself is small, and gone before the backward pass ends.
    batch = step.batch()
    with torch.autocast(device.type, torch.bfloat16, enabled=spec.runtime.precision == "bf16"):
        return step.objective.loss(step.module, batch).total


if __name__ == "__main__":
    sys.exit(main())
