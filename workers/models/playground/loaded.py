"""A model and its tokenizer in memory, read from a version's folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, PreTrainedModel
from transformers.utils import logging

from llmhub.lib.problems import Problem
from llmhub.recipes.specs import Runtime
from workers.models.playground.turns import Turns
from workers.training import tokenizer as tokenizers
from workers.training.errors import BadConfig
from workers.training.models.load import UNLIMITED, causal_lm, context_of

KEPT_TEXTS = 65_536


@dataclass
class Loaded:
    model: PreTrainedModel
    tokenizer: Any
    turns: Turns = field(default_factory=Turns)

    def __post_init__(self) -> None:
        self.text_of = lru_cache(KEPT_TEXTS)(self._text_of)

    @property
    def context(self) -> int:
        return context_of(self.model)

    def facts(self) -> dict[str, Any]:
        """What the page says of it."""
        return {
            "context": None if self.context == UNLIMITED else self.context,
            "has_chat_template": bool(self.tokenizer.chat_template),
            "device": self.model.device.type,
            "parameters": self.model.num_parameters(),
        }

    def ends(self, is_chat: bool) -> list[int]:
        """The tokens that end an answer: those that `generate` knows of, in a chat the end of a
        turn as well; where the model names none, the end of a text."""
        named = self.model.generation_config.eos_token_id
        ends = named if isinstance(named, list) else [named]
        backend = self.tokenizer.backend_tokenizer
        if is_chat:
            ends = [*ends, tokenizers.turn_end(backend)]
        known = list(dict.fromkeys(end for end in ends if end is not None))
        end_of_text = tokenizers.end_of_text(backend)
        return known or ([] if end_of_text is None else [end_of_text])

    def _text_of(self, token: int) -> str:
        return str(self.tokenizer.decode([token])).replace("\0", "\ufffd")


def load(folder: Path, device: str) -> Loaded:
    """Raises Problem where a person can do something about it."""
    logging.disable_progress_bar()
    try:
        model = causal_lm(folder, Runtime(), "sdpa", torch.device(device))
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except torch.OutOfMemoryError:
        raise Problem("playground_memory") from None
    except BadConfig as error:
        raise Problem("playground_not_loaded", detail=str(error)) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem("playground_not_loaded", detail=f"the tokenizer: {error}") from error
    model.eval()
    return Loaded(model, tokenizer)
