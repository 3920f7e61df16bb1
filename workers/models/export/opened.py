"""Models as those who take the export will load them: with nothing but `transformers`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from llmhub.lib.export_forms import Form
from llmhub.recipes.specs import Runtime
from workers.training.models import load

CPU = torch.device("cpu")
# What llama.cpp computes for every GPT-2, whatever its config says.
GGUF_GELU = "gelu_new"


def original(folder: Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """Strictly: a weight that is missing is an error, and not a random number."""
    model: Any = load.causal_lm(folder, Runtime(), "sdpa", CPU)
    ready: PreTrainedModel = model.to(dtype).eval()
    return ready


def export(folder: Path, form: Form, source: Path) -> PreTrainedModel:
    """The weights as the form has rounded them; what is computed with them is fp32 in all forms."""
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=torch.float32,
        local_files_only=True,
        trust_remote_code=False,
        **(of_gguf(folder, source) if form.is_gguf else {"use_safetensors": True}),
    )
    ready: PreTrainedModel = model.eval()
    return ready


def of_gguf(folder: Path, source: Path) -> dict[str, Any]:
    """With the description of the original: `transformers` reads only a part of the file's own."""
    config = AutoConfig.from_pretrained(source, local_files_only=True, trust_remote_code=False)
    if config.model_type == "gpt2":
        config.activation_function = GGUF_GELU
    return {"gguf_file": next(folder.glob("*.gguf")).name, "config": config}
