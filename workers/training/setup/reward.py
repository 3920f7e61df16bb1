"""A model that learns to score answers as people prefer them."""

from __future__ import annotations

from peft import PeftModel
from transformers import PreTrainedModel

from llmhub.recipes.specs import RewardSpec
from workers.training.data.batches import PairBatches
from workers.training.data.rows import Pairs
from workers.training.models import load, lora
from workers.training.objectives.reward import Reward
from workers.training.setup import alignment
from workers.training.setup.context import Assembly, Context


def assemble(context: Context[RewardSpec]) -> Assembly:
    spec = context.spec
    start = alignment.start(context)
    scorer = load.scorer(start.folder, spec.runtime, "sdpa", context.device)
    alignment.check_length(scorer.classifier, spec)
    alignment.without_dropout(scorer)
    exported: PreTrainedModel | PeftModel = scorer.classifier
    if spec.lora.rank:
        exported = lora.add_adapters(scorer.classifier, spec.lora)
    longest = spec.training.max_seq_length
    rows = alignment.sources(context, start, lambda part, kind: Pairs(part, longest))
    batches = PairBatches(rows, alignment.plan_of(context))
    return Assembly(
        start.trained(scorer, exported), Reward(), batches, start.tokens, notes=batches.notes()
    )
