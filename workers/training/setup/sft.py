"""A model that learns to answer as the completions do."""

from __future__ import annotations

from llmhub.recipes.specs import SFTSpec
from workers.training.data.batches import ExampleBatches
from workers.training.data.rows import examples
from workers.training.models import load
from workers.training.objectives.sft import SFT
from workers.training.setup import alignment
from workers.training.setup.context import Assembly, Context


def assemble(context: Context[SFTSpec]) -> Assembly:
    spec = context.spec
    start = alignment.start(context)
    attention = "sdpa" if spec.training.use_flash_attn else "eager"
    model = alignment.base_model(context, start.folder, attention)
    batches = ExampleBatches.of(alignment.rows(context, start), spec)
    return Assembly(start.trained(model, model), SFT(), batches, start.tokens, notes=batches.notes())
