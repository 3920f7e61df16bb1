"""What is minimised: one file per objective, all with the same signature.

An objective gives sums and what they are sums over, never means: the loop divides once, over all
micro-batches of a step on all processes, and so does the evaluation. A step is then the same
whether it is computed in one micro-batch or in many.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor, nn

# Named tensors, the first dimension being the row. Tokens are padded on the right.
Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Loss:
    total: Tensor  # scalar with gradient, summed over the weight of the batch
    # Detached scalars by the metric's name, summed over the same weight.
    sums: dict[str, Tensor] = field(default_factory=dict)


class Objective(Protocol):
    @property
    def is_likelihood(self) -> bool:
        """Whether the loss is in nats per token, so that exp(loss) is a perplexity."""
        ...

    def weight(self, batch: Batch) -> int:
        """How many tokens (or pairs) the sums of `batch` are over."""
        ...

    def tokens(self, batch: Batch) -> int:
        """Tokens of `batch` that pass through the model, without padding."""
        ...

    def loss(self, model: nn.Module, batch: Batch) -> Loss: ...
