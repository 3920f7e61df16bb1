"""A model that learns from preferences, held by the model that it was."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from llmhub.lib.rows.kinds import Kind
from llmhub.recipes.specs import DPOSpec
from workers.data.tokens.token_files import Part
from workers.training.data.batches import PARTS, PairBatches
from workers.training.data.rows import Pairs
from workers.training.evaluate import evaluating
from workers.training.objectives import Batch
from workers.training.objectives.dpo import DPO, answer_logps
from workers.training.setup import alignment
from workers.training.setup.context import Assembly, Context


def assemble(context: Context[DPOSpec]) -> Assembly:
    """Nothing has learned yet, so the model itself is the reference: what it gives every answer is
    worked out once, and no second model takes memory."""
    spec = context.spec
    start = alignment.start(context)
    model = alignment.base_model(context, start.folder)
    alignment.without_dropout(model)
    context.parallel.divide(model)
    batches = pair_batches(context, start)
    context.reporter.say("Working out what the reference gives every answer")
    with context.reporter.busy():
        batches.set_reference(
            {
                part: [
                    reference_logps(context, model, batches.every_pair(part, source))
                    for source in range(len(batches.sources))
                ]
                for part in PARTS
            }
        )
    return Assembly(
        start.trained(model, model),
        DPO(spec.training.beta, spec.training.label_smoothing),
        batches,
        start.tokens,
        asked=alignment.asked(start, model),
        notes=batches.notes(),
    )


def pair_batches(context: Context[DPOSpec], start: alignment.Start) -> PairBatches:
    training = context.spec.training

    def rows(part: Part, kind: Kind) -> Pairs:
        return Pairs(part, training.max_seq_length, training.max_prompt_length)

    return PairBatches(alignment.sources(context, start, rows), alignment.plan_of(context))


def reference_logps(
    context: Context[DPOSpec], model: nn.Module, pairs: Iterable[Batch]
) -> NDArray[np.float32]:
    """[2 x pairs]"""
    found = [np.zeros(0, dtype=np.float32)]
    with torch.no_grad(), evaluating(model), context.autocast():
        for batch in pairs:
            on_device = {name: tensor.to(context.device) for name, tensor in batch.items()}
            found.append(answer_logps(model, on_device).float().cpu().numpy())
    return np.concatenate(found)
