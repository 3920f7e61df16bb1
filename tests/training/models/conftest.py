from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from llmhub.lib.rows.template import special_tokens
from llmhub.recipes.specs import Runtime
from tests.training import small
from workers.data.tokens import tokenizer as tokenizers
from workers.training import models
from workers.training.models import export, load

CPU = torch.device("cpu")
ARCHITECTURES = pytest.mark.parametrize("architecture", ["gpt2", "llama"])

# Writes a model of an architecture, and says where.
Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """A small model in a folder, without dropout, with a tokenizer of bytes and chatml."""

    def write(architecture: str, seed: int = 1, name: str = "", **changes: Any) -> Path:
        dropout = {"gpt2": "model__dropout", "llama": "model__attention_dropout"}[architecture]
        spec = small.spec(architecture, **{dropout: 0.0, **changes})
        torch.manual_seed(seed)
        model = models.build(spec.model, spec.runtime, CPU, end_of_text=256)
        tokenizer = tokenizers.build("bytes", 300, special_tokens("chatml"), [])
        place = tmp_path / (name or f"{architecture}-{seed}")
        export.save(model, tokenizer, place)
        return place

    return write


def causal_lm(folder: Path, **runtime: Any) -> PreTrainedModel:
    return load.causal_lm(folder, Runtime(**runtime), "sdpa", CPU)


def some_tokens(rows: int = 2, length: int = 10, seed: int = 5) -> torch.Tensor:
    """[rows, length]"""
    return torch.randint(300, (rows, length), generator=torch.Generator().manual_seed(seed))


def nudge(parameters: Any, seed: int = 9) -> None:
    """Changes what learns, as an optimizer would."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in parameters:
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
