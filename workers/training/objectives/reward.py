"""The reward model: the answer that was preferred scores higher (Bradley & Terry 1952;
Ouyang et al. 2022, equation 1)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from llmhub.lib import metric_names as names
from workers.training.objectives import Batch, Loss


@dataclass(frozen=True)
class Reward:
    """Minimises -log sigmoid(score of the chosen - score of the rejected answer).

    batch["tokens"]: [2 pairs, tokens], chosen and rejected in turn; ["lengths"]: [2 pairs].
    """

    is_likelihood = False

    def weight(self, batch: Batch) -> int:
        return len(batch["tokens"]) // 2

    def tokens(self, batch: Batch) -> int:
        return int(batch["lengths"].sum())

    def loss(self, model: nn.Module, batch: Batch) -> Loss:
        chosen, rejected = scores(model, batch).view(-1, 2).unbind(1)
        margins = chosen - rejected  # [pairs]
        return Loss(
            -logsigmoid(margins).sum(),
            {
                names.REWARD_ACCURACY.name: (margins.detach() > 0).sum(),
                names.REWARD_MARGIN.name: margins.detach().sum(),
            },
        )


def scores(model: nn.Module, batch: Batch) -> Tensor:
    """[rows]: what a text scores at its last token."""
    per_token = model(batch["tokens"])  # [rows, tokens]
    last: Tensor = per_token.gather(1, batch["lengths"][:, None] - 1)
    return last.squeeze(1)
