"""Direct preference optimization (Rafailov et al. 2023, equation 7)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from llmhub.lib import metric_names as names
from workers.training.objectives import Batch, Loss
from workers.training.objectives.logps import token_logps


@dataclass(frozen=True)
class DPO:
    """Minimises -log sigmoid(beta (log-ratio of the chosen - log-ratio of the rejected answer)),
    a log-ratio being what the model gives an answer less what the reference gave it.

    `label_smoothing`: the share of pairs that are taken to be the wrong way round (Mitchell 2023,
    “A note on DPO with noisy preferences”: conservative DPO).

    batch["tokens"]: [2 pairs, tokens], chosen and rejected in turn; ["loss_mask"]: where the
    answers are; ["lengths"], ["reference_logps"]: [2 pairs].
    """

    beta: float
    label_smoothing: float = 0.0
    is_likelihood = False

    def weight(self, batch: Batch) -> int:
        return len(batch["tokens"]) // 2

    def tokens(self, batch: Batch) -> int:
        return int(batch["lengths"].sum())

    def loss(self, model: nn.Module, batch: Batch) -> Loss:
        logps = answer_logps(model, batch)
        rewards = self.beta * (logps - batch["reference_logps"])
        chosen, rejected = rewards.view(-1, 2).unbind(1)  # [pairs]
        return Loss(
            preference_loss(chosen - rejected, self.label_smoothing).sum(),
            _sums(chosen.detach(), rejected.detach(), logps.detach()),
        )


def answer_logps(model: nn.Module, batch: Batch) -> Tensor:
    """[rows]: log-probability of a whole answer after its prompt."""
    logits = model(input_ids=batch["tokens"], use_cache=False).logits
    return (token_logps(logits, batch["tokens"]) * batch["loss_mask"]).sum(1)


def preference_loss(margins: Tensor, label_smoothing: float) -> Tensor:
    """[pairs] -> [pairs]"""
    right, wrong = logsigmoid(margins), logsigmoid(-margins)
    return -(1 - label_smoothing) * right - label_smoothing * wrong


def _sums(chosen: Tensor, rejected: Tensor, logps: Tensor) -> dict[str, Tensor]:
    of_chosen, of_rejected = logps.view(-1, 2).unbind(1)
    return {
        names.REWARDS_CHOSEN.name: chosen.sum(),
        names.REWARDS_REJECTED.name: rejected.sum(),
        names.REWARDS_MARGIN.name: (chosen - rejected).sum(),
        names.REWARDS_ACCURACY.name: (chosen > rejected).sum(),
        names.LOGPS_CHOSEN.name: of_chosen.sum(),
        names.LOGPS_REJECTED.name: of_rejected.sum(),
    }
