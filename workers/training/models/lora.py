"""Adapters beside frozen weights (Hu et al. 2021), by peft: y = W x + alpha / rank * B A x."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import Linear as AdaptedLinear
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from llmhub.recipes import specs
from workers.training.errors import BadConfig
from workers.training.models.heads import SCORE

# peft's name for the only set of adapters that a model has.
ADAPTER = "default"
# Between the name of a layer and those of its own weights, once it has adapters.
_INNER = ".base_layer"
_ADAPTERS = ".lora_"


def add_adapters(model: PreTrainedModel, lora: specs.LoRA) -> PeftModel:
    """Freezes the weights of `model` and puts adapters beside them, in place.

    The head of a reward model is new: it learns with the adapters. Drawn from torch's generator;
    B is zero, so that the first outputs are those of the model itself.
    """
    layers = TARGETS[lora.targets](model)
    if not layers:
        raise BadConfig(
            f"A {model.config.model_type} has no layers that LoRA's “{lora.targets}” means."
        )
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # a float is fine
        lora_dropout=lora.dropout,
        target_modules=list(layers),
        # GPT-2 keeps its matrices the other way round.
        fan_in_fan_out=any(isinstance(layer, Conv1D) for layer in layers.values()),
        bias="none",
    )
    adapted = get_peft_model(model, config)
    assert isinstance(adapted, PeftModel)
    if hasattr(model, SCORE):
        getattr(model, SCORE).requires_grad_(True)
    return adapted


@contextmanager
def without_adapters(model: PeftModel) -> Iterator[None]:
    """The model as it was before: the reference of DPO and PPO."""
    with model.disable_adapter():
        yield


@torch.no_grad()
def merged_state(model: PeftModel) -> dict[str, Tensor]:
    """The weights of a model without adapters that computes the same, named as it names them.

    Computed beside the live weights: merging and taking apart again would round them.
    """
    plain = model.get_base_model()
    adapted = {
        f"{name}{_INNER}.weight": module
        for name, module in plain.named_modules()
        if isinstance(module, AdaptedLinear)
    }
    return {
        name.replace(f"{_INNER}.", "."): (
            tensor + adapted[name].get_delta_weight(ADAPTER) if name in adapted else tensor
        )
        for name, tensor in plain.state_dict().items()
        if _ADAPTERS not in name
    }


def _all_linear(model: PreTrainedModel) -> dict[str, nn.Module]:
    """Every matrix between the embeddings and the heads, by its full name."""
    body = set(model.base_model.modules()) - {model.get_output_embeddings()}
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, Conv1D)) and module in body
    }


def _attention(model: PreTrainedModel) -> dict[str, nn.Module]:
    """Those in what `transformers` calls an attention: GPT2Attention, LlamaAttention."""
    inside = tuple(
        f"{name}."
        for name, module in model.named_modules()
        if type(module).__name__.endswith("Attention")
    )
    return {name: layer for name, layer in _all_linear(model).items() if name.startswith(inside)}


TARGETS: dict[str, Callable[[PreTrainedModel], dict[str, nn.Module]]] = {
    "attention": _attention,
    "all_linear": _all_linear,
}
