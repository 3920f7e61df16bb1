"""Weights as GGUF names, turns and rounds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import gguf
import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from transformers import PretrainedConfig

from llmhub.lib.export_forms import Form
from llmhub.lib.problems import Problem

Kind = gguf.GGMLQuantizationType

KINDS = {Form.GGUF_F16: Kind.F16, Form.GGUF_Q8: Kind.Q8_0, Form.GGUF_Q4: Kind.Q4_0}
# What every token passes through: 4 bits would cost more there than they save.
EDGES = ("token_embd.weight", "output.weight")
POSITIONS = "position_embd.weight"
# GPT-2 keeps these matrices the other way round.
TURNED = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")


class Named(NamedTuple):
    name: str
    values: NDArray[Any]
    kind: gguf.GGMLQuantizationType


def tensors(
    state: Mapping[str, Tensor], config: PretrainedConfig, arch: gguf.MODEL_ARCH, form: Form
) -> Iterator[Named]:
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    for own, tensor in state.items():
        name = names.get_name(own, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise Problem("gguf_lacks", what=own)
        values = turned(own, tensor.detach().float().numpy(), config)
        kind = kind_of(name, values, form)
        yield Named(name, gguf.quants.quantize(np.ascontiguousarray(values), kind), kind)


def turned(own: str, values: NDArray[Any], config: PretrainedConfig) -> NDArray[Any]:
    if config.model_type == "gpt2" and own.endswith(TURNED):
        return values.T
    if config.model_type == "llama" and ".q_proj." in own:
        return paired(values, config.num_attention_heads)
    if config.model_type == "llama" and ".k_proj." in own:
        return paired(values, config.num_key_value_heads)
    return values


def paired(values: NDArray[Any], heads: int) -> NDArray[Any]:
    """llama.cpp rotates neighbours, `transformers` the halves of a head: rows change places."""
    half = values.shape[0] // heads // 2
    halves = values.reshape(heads, 2, half, *values.shape[1:])
    return halves.swapaxes(1, 2).reshape(values.shape)


def kind_of(name: str, values: NDArray[Any], form: Form) -> gguf.GGMLQuantizationType:
    """Vectors are small and sensitive; rows that no block divides keep 16 bits."""
    if values.ndim == 1 or name == POSITIONS:
        return Kind.F32
    kind = KINDS[form]
    if kind is Kind.Q4_0 and name in EDGES:
        kind = Kind.Q8_0
    block, _bytes = gguf.GGML_QUANT_SIZES[kind]
    return kind if values.shape[-1] % block == 0 else Kind.F16
