"""int8 and int4: the weights of linear layers as whole numbers, by compressed-tensors.

Rounded to the nearest number, with one scale a row (int8) or a group of 32 weights (int4): no
data are needed for it. Embeddings and the head stay bf16. vLLM and `transformers` read the format.
"""

from __future__ import annotations

from pathlib import Path

import torch
from compressed_tensors.compressors import ModelCompressor
from compressed_tensors.quantization import (
    QuantizationArgs,
    QuantizationConfig,
    QuantizationScheme,
    apply_quantization_config,
)
from compressed_tensors.quantization.utils import calculate_qparams
from torch import nn
from transformers import PreTrainedModel

from llmhub.lib.export_forms import GROUP, Form
from llmhub.lib.problems import Problem
from workers.models.export import opened
from workers.training.models import export

HEAD = "lm_head"


def write(source: Path, place: Path, form: Form, name: str) -> None:
    # Scales take the type of the weights, and programs that serve want both in one type.
    model = opened.original(source, torch.bfloat16)
    numbers = numbers_of(form)
    quantise(model, numbers)
    compressor = ModelCompressor.from_pretrained_model(model)
    if compressor is None or compressor.quantization_config is None:
        raise Problem("no_linear_layers", architecture=model.config.model_type)
    compressor.compress_model(model)
    model.save_pretrained(place, max_shard_size="10TB")
    compressor.update_config(str(place))
    export.copy_tokenizer(source, place)


def numbers_of(form: Form) -> QuantizationArgs:
    if form is Form.INT4:
        return QuantizationArgs(
            num_bits=4, type="int", symmetric=True, strategy="group", group_size=GROUP
        )
    return QuantizationArgs(num_bits=8, type="int", symmetric=True, strategy="channel")


@torch.no_grad()
def quantise(model: PreTrainedModel, numbers: QuantizationArgs) -> None:
    scheme = QuantizationScheme(targets=["Linear"], weights=numbers)
    config = QuantizationConfig(
        config_groups={"weights": scheme}, ignore=[HEAD], quantization_status="frozen"
    )
    apply_quantization_config(model, config)
    for layer in model.modules():
        if isinstance(layer, nn.Linear) and hasattr(layer, "quantization_scheme"):
            scale(layer, numbers)


def scale(layer: nn.Linear, numbers: QuantizationArgs) -> None:
    rows, columns = layer.weight.shape
    group = numbers.group_size or columns
    if columns % group:
        raise Problem("not_in_groups")
    groups = layer.weight.reshape(rows, columns // group, group)
    scales, _zero = calculate_qparams(groups.amin(-1), groups.amax(-1), numbers)
    kept = layer.get_parameter("weight_scale")
    kept.copy_(scales.reshape(kept.shape))
