"""What is minimised: one file per objective, all with the same signature.

An objective gives sums and what they are sums over, never means: the loop divides once, over all
micro-batches of a step, and so does the evaluation. A step is then the same whether it is computed
in one micro-batch or in many.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn

# Named tensors, the first dimension being the example.
Batch = dict[str, Tensor]


class Objective(Protocol):
    def weight(self, batch: Batch) -> int:
        """How many tokens (or examples) the loss of `batch` is a sum over."""
        ...

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Scalar with gradient, in nats, summed over the `weight` of the batch."""
        ...
