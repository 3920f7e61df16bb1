"""Models by their weights, from a folder as `transformers` writes it.

Safetensors only, and no code that comes with a model: nothing in the folder is executed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    GenerationConfig,
    PreTrainedModel,
)
from transformers.utils import logging

from llmhub.lib.manifest import file_hash
from llmhub.recipes.specs import Runtime
from workers.data.tokens.tokenizer import Pretrained, rows_needed
from workers.training import tokenizer as tokenizers
from workers.training.errors import BadConfig
from workers.training.models.heads import SCORE, Scorer
from workers.training.models.prepare import prepare

# What `transformers` raises for a folder that is not what it takes it for. Memory that runs out is
# none of these.
_NOT_A_MODEL = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    ImportError,
    SafetensorError,
)
_HEAD = f"{SCORE}.weight"
# Models whose positions have no end, such as those with ALiBi.
UNLIMITED = 1 << 30


def causal_lm(
    folder: Path, runtime: Runtime, attention: str, device: torch.device
) -> PreTrainedModel:
    """fp32 weights; dropout is that of the model's config."""
    model, missing, unexpected = _load(AutoModelForCausalLM, folder, attention)
    if _HEAD in unexpected:
        raise BadConfig(f"{folder} is a reward model: it scores texts and cannot write them.")
    _refuse(missing, folder)
    return _ready(model, runtime, device)


def scorer(
    folder: Path,
    runtime: Runtime,
    attention: str,
    device: torch.device,
    *,
    is_trained: bool = False,
) -> Scorer:
    """A reward model's own head; over a language model a new one, drawn from torch's generator.

    `is_trained`: only a reward model will do.
    """
    model, missing, _ = _load(AutoModelForSequenceClassification, folder, attention, num_labels=1)
    _refuse(missing - {_HEAD}, folder)
    if _HEAD in missing and is_trained:
        raise BadConfig(f"{folder} is not a reward model: it has no head that scores texts.")
    if not isinstance(getattr(model, SCORE, None), torch.nn.Linear):
        raise BadConfig(f"{folder}: no reward model is made of a {model.config.model_type}.")
    # Without one, `transformers` scores no batch of several texts.
    if model.config.pad_token_id is None:
        model.config.pad_token_id = _first(model.config.eos_token_id)
    return Scorer(_ready(model, runtime, device))


def context_of(model: PreTrainedModel | PeftModel) -> int:
    """The longest sequence, in tokens."""
    config = model.config.get_text_config()
    return getattr(config, "max_position_embeddings", None) or UNLIMITED


def _ready(model: Any, runtime: Runtime, device: torch.device) -> PreTrainedModel:
    model.to(device)
    prepare(model, runtime)
    ready: PreTrainedModel = model
    return ready


def tokenizer_of(folder: Path) -> Pretrained:
    """<|endoftext|> ends a text where the tokenizer has it, else the end token of the folder."""
    path = folder / tokenizers.NAME
    if not path.is_file():
        raise BadConfig(
            f"{folder} has no {tokenizers.NAME}: save its tokenizer again as a fast one of "
            "`transformers`."
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    # The library's own errors are plain exceptions.
    except Exception as error:
        raise BadConfig(f"{path} cannot be read: {error}") from error
    end = tokenizers.end_of_text(tokenizer)
    if end is None:
        end = tokenizers.named(folder, tokenizer, "eos_token")
    if end is None:
        raise BadConfig(f"The tokenizer of {folder} does not say which token ends a text.")
    _check_vocabulary(folder, tokenizer)
    return Pretrained(path, file_hash(path), end)


def _check_vocabulary(folder: Path, tokenizer: Tokenizer) -> None:
    rows = json.loads((folder / "config.json").read_text()).get("vocab_size")
    known = rows_needed(tokenizer)
    if isinstance(rows, int) and known > rows:
        raise BadConfig(
            f"The tokenizer of {folder} has {known:,} tokens and its model knows {rows:,}: they "
            "do not belong together."
        )


def _load(
    kind: Any, folder: Path, attention: str, **changes: Any
) -> tuple[PreTrainedModel, set[str], set[str]]:
    """(the model, names without weights, weights without a name in it)"""
    try:
        with _quiet():
            model, info = kind.from_pretrained(
                folder,
                dtype=torch.float32,
                attn_implementation=attention,
                trust_remote_code=False,
                use_safetensors=True,
                local_files_only=True,
                # Told apart below, in words of ours.
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **changes,
            )
    except _NOT_A_MODEL as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise BadConfig(f"The model in {folder} cannot be loaded: {first}") from error
    _keep_valid_generation_config(model)
    other_shape = {name for name, *_ in info["mismatched_keys"]}
    return model, info["missing_keys"] | other_shape, info["unexpected_keys"]


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the table of what was missing, which for a new head is as it should be."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _keep_valid_generation_config(model: PreTrainedModel) -> None:
    """Some models come with settings that contradict each other; those could not be saved."""
    try:
        if model.can_generate():
            model.generation_config.validate(strict=True)
    except ValueError:
        model.generation_config = GenerationConfig.from_model_config(model.config)


def _refuse(missing: set[str], folder: Path) -> None:
    """Tied weights are not missing: they are stored once, under the name of the first."""
    if missing:
        raise BadConfig(
            f"The weights in {folder} are those of another architecture than its config.json "
            f"describes: {len(missing)} are missing or have another shape, such as {min(missing)}."
        )


def _first(ids: int | list[int] | None) -> int | None:
    return ids[0] if isinstance(ids, list) else ids
