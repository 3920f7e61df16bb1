"""A model that learns to answer as the completions do."""

from __future__ import annotations

from llmhub.lib.rows.kinds import Kind
from llmhub.recipes.specs import SFTSpec
from workers.data.tokens.token_files import Part
from workers.training.data.batches import ExampleBatches
from workers.training.data.rows import Examples, Packed
from workers.training.objectives.sft import SFT
from workers.training.setup import alignment
from workers.training.setup.context import Assembly, Context


def assemble(context: Context[SFTSpec]) -> Assembly:
    training = context.spec.training
    start = alignment.start(context)

    def rows(part: Part, kind: Kind) -> Examples | Packed:
        examples = Examples(part, training.max_seq_length)
        return Packed(examples) if training.packing else examples

    attention = "sdpa" if training.use_flash_attn else "eager"
    model = alignment.base_model(context, start.folder, attention)
    batches = ExampleBatches(alignment.sources(context, start, rows), alignment.plan_of(context))
    return Assembly(
        start.trained(model, model),
        SFT(),
        batches,
        start.tokens,
        asked=alignment.asked(start, model),
        notes=batches.notes(),
    )
