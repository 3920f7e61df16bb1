"""GGUF, the one file that llama.cpp and Ollama load: description, vocabulary, weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
from transformers import PretrainedConfig

from llmhub.lib import serving
from llmhub.lib.export_forms import Form
from llmhub.lib.problems import Problem
from workers.models.export import gguf_tokens, gguf_weights, opened
from workers.training.models import export

# llama.cpp computes all of them by tanh; what that costs a model with the exact one is measured.
GELUS = frozenset({"gelu", "gelu_new", "gelu_pytorch_tanh"})
FILE_TYPES = {
    Form.GGUF_F16: gguf.LlamaFileType.MOSTLY_F16,
    Form.GGUF_Q8: gguf.LlamaFileType.MOSTLY_Q8_0,
    Form.GGUF_Q4: gguf.LlamaFileType.MOSTLY_Q4_0,
}


def write(source: Path, place: Path, form: Form, name: str) -> None:
    model = opened.original(source)
    config = model.config
    writer = gguf.GGUFWriter(
        str(place / serving.gguf_name(name, form)), gguf.MODEL_ARCH_NAMES[ARCHS[config.model_type]]
    )
    writer.add_name(name)
    writer.add_file_type(FILE_TYPES[form])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    DESCRIPTIONS[config.model_type](writer, config)
    gguf_tokens.describe(writer, source, config)
    state = export.state_of(model)
    for tensor in gguf_weights.tensors(state, config, ARCHS[config.model_type], form):
        writer.add_tensor(tensor.name, tensor.values, raw_dtype=tensor.kind)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def describe_gpt2(writer: gguf.GGUFWriter, config: PretrainedConfig) -> None:
    if config.activation_function not in GELUS:
        raise Problem("gguf_lacks", what=f"activation_function={config.activation_function}")
    writer.add_context_length(config.n_positions)
    writer.add_embedding_length(config.n_embd)
    writer.add_block_count(config.n_layer)
    writer.add_feed_forward_length(config.n_inner or 4 * config.n_embd)
    writer.add_head_count(config.n_head)
    writer.add_layer_norm_eps(config.layer_norm_epsilon)


def describe_llama(writer: gguf.GGUFWriter, config: PretrainedConfig) -> None:
    if config.hidden_act != "silu":
        raise Problem("gguf_lacks", what=f"hidden_act={config.hidden_act}")
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    size = config.head_dim or config.hidden_size // config.num_attention_heads
    writer.add_rope_dimension_count(size)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_rope_freq_base(rope_theta(config))


def rope_theta(config: PretrainedConfig) -> float:
    """Positions that are stretched need more than a base; we do not write that."""
    rope: dict[str, Any] = config.rope_parameters or {}
    if rope.get("rope_type", "default") != "default":
        raise Problem("gguf_lacks", what=f"rope_type={rope['rope_type']}")
    return float(rope.get("rope_theta", 10_000.0))


ARCHS: Mapping[str, gguf.MODEL_ARCH] = {
    "gpt2": gguf.MODEL_ARCH.GPT2,
    "llama": gguf.MODEL_ARCH.LLAMA,
}
DESCRIPTIONS: Mapping[str, Callable[[gguf.GGUFWriter, PretrainedConfig], None]] = {
    "gpt2": describe_gpt2,
    "llama": describe_llama,
}
