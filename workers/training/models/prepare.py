"""What a spec says about how a model computes."""

from __future__ import annotations

from transformers import PreTrainedModel

from llmhub.recipes.specs import Runtime


def prepare(model: PreTrainedModel, runtime: Runtime) -> None:
    """For training. Compiling happens at the first step, with the adapters the model has then."""
    if runtime.activation_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    if runtime.compile:
        model.compile()
    model.train()
