"""Models with one number per token: the score of a text so far, and what PPO expects of it."""

from __future__ import annotations

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import PreTrainedModel

# The name of the head in the classes of `transformers` for sequence classification.
SCORE = "score"


class Scorer(nn.Module):
    """The score of every beginning of a text (Ouyang et al. 2022, section 3.5: a linear head in
    place of the unembedding). Whoever wants one score takes that at the last token, so that
    padding on the right never matters."""

    def __init__(self, classifier: PreTrainedModel) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(
        self,
        input_ids: Tensor,  # [rows, tokens]
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
    ) -> Tensor:
        """[rows, tokens], float32"""
        hidden = self.classifier.base_model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            use_cache=False,
        ).last_hidden_state  # [rows, tokens, width]
        scores: Tensor = self.classifier.get_submodule(SCORE)(hidden)
        return scores.squeeze(-1).float()


class PolicyValue(nn.Module):
    """A policy, and a head that says how much reward is still to come (Ziegler et al. 2019,
    section 2.1). One pass gives both."""

    def __init__(self, policy: PreTrainedModel | PeftModel, head: nn.Linear | None = None) -> None:
        super().__init__()
        self.policy = policy
        self.head = head or value_head(policy)

    def forward(
        self,
        input_ids: Tensor,  # [rows, tokens]
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """(logits [rows, tokens, vocabulary], values [rows, tokens] in float32)"""
        output = self.policy(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            use_cache=False,
            output_hidden_states=True,
        )
        # The last one is what the logits are made of: behind the last norm.
        hidden = output.hidden_states[-1]  # [rows, tokens, width]
        with torch.autocast(hidden.device.type, enabled=False):
            values: Tensor = self.head(hidden.float())
        return output.logits, values.squeeze(-1)


def value_head(policy: PreTrainedModel | PeftModel) -> nn.Linear:
    """Near zero everywhere, so that the first advantages are the rewards. Drawn from torch's
    generator."""
    width = policy.config.get_text_config().hidden_size
    weights = next(policy.parameters())
    head = nn.Linear(width, 1, device=weights.device, dtype=torch.float32)
    nn.init.normal_(head.weight, std=1 / (width + 1))
    nn.init.zeros_(head.bias)
    return head
