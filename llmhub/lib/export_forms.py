"""The forms in which a registered model leaves the hub: said once for pages, API and workers."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

# Weights that share a scale in a form of 4 bits, as in GGUF.
GROUP = 32
# Of these both sides of the conversion to GGUF are known: names, shapes and the order of rotations.
GGUF_ARCHITECTURES = frozenset({"gpt2", "llama"})


class Form(StrEnum):
    BF16 = "bf16"
    FP32 = "fp32"
    INT8 = "int8"
    INT4 = "int4"
    GGUF_F16 = "gguf-f16"
    GGUF_Q8 = "gguf-q8_0"
    GGUF_Q4 = "gguf-q4_0"

    @property
    def is_gguf(self) -> bool:
        return self.value.startswith("gguf-")

    @property
    def is_packed(self) -> bool:
        """Whole numbers and scales in the place of the weights of linear layers."""
        return self in {Form.INT8, Form.INT4}


# What has to be a multiple of the group; GGUF leaves single matrices that are none in 16 bits.
_IN_GROUPS = {
    Form.INT4: ("hidden_size", "intermediate_size"),
    Form.GGUF_Q8: ("hidden_size", "n_embd"),
    Form.GGUF_Q4: ("hidden_size", "n_embd"),
}
# Bytes a parameter at most, without what is small beside the weights.
_MOST_BYTES = {Form.FP32: 4}


def most_bytes(form: Form, parameters: int) -> int:
    """Embeddings and heads keep 2 bytes in every form that is not fp32."""
    return parameters * _MOST_BYTES.get(form, 2)


def hindrance(form: Form, config: Mapping[str, Any]) -> str | None:
    """Why a model of this config.json has no such form: a code of `lib.problems`."""
    if form.is_gguf and config.get("model_type") not in GGUF_ARCHITECTURES:
        return "not_for_gguf"
    if form.is_packed and config.get("model_type") == "gpt2":
        return "no_linear_layers"
    sizes = (config.get(name) for name in _IN_GROUPS.get(form, ()))
    if any(isinstance(size, int) and size % GROUP for size in sizes):
        return "not_in_groups"
    return None
