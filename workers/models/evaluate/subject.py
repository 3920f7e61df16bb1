"""The version that is evaluated: its files as they were registered, its model, its tokenizer."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers.utils import logging as transformers_logging

from llmhub.lib.problems import Problem
from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rows.template import Segment, render, special_tokens
from llmhub.recipes.specs import Runtime
from workers.data.tokens.tokenizer import (
    Pretrained,
    ids_of,
    load_pretrained,
    resolve_template,
    special_ids,
)
from workers.training.models import load

_NO_LIMIT = 1 << 30
# A prompt as it is, without turns around it: for a model that continues text.
PLAIN_TEXT = "text"
# Of a GPU's memory that is free, what the weights may take: a training may work beside us.
_GPU_SHARE = 0.3
_FLOAT_BYTES = 4


@dataclass(frozen=True)
class Subject:
    folder: Path
    # A `PreTrainedModel`, whose types say nothing of what is inside.
    model: Any
    tokenizer: Tokenizer
    pretrained: Pretrained
    style: str
    context: int

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Subject:
        """`values`: folder, style. The files have been verified."""
        folder = Path(values["folder"])
        transformers_logging.disable_progress_bar()
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // 2))
        pretrained = load.tokenizer_of(folder)
        tokenizer = load_pretrained(pretrained, _NO_LIMIT)
        model = load.causal_lm(folder, Runtime(), "sdpa", device_for(folder))
        style = _style(values["style"], tokenizer)
        return cls(folder, model.eval(), tokenizer, pretrained, style, load.context_of(model))

    @property
    def special(self) -> dict[str, int]:
        return special_ids(self.tokenizer, self.pretrained)

    @property
    def template(self) -> str:
        """Of rows that are conversations."""
        return "plain" if self.style == PLAIN_TEXT else self.style

    @property
    def vocabulary(self) -> int:
        return int(self.model.get_input_embeddings().weight.shape[0])

    def question(self, prompt: str) -> list[int]:
        """What the model reads before it answers; never nothing."""
        if self.style == PLAIN_TEXT:
            ids = self.text(prompt)
            return ids or [self.pretrained.end_of_text]
        (segments,) = render(Kind.PROMPTS, {"prompt": prompt}, self.style)
        return self.ids(segments) or [self.pretrained.end_of_text]

    def text(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def ids(self, segments: Sequence[Segment]) -> list[int]:
        return ids_of(segments, self.tokenizer, self.special)


def device_for(folder: Path) -> torch.device:
    """A GPU only where there is plenty of room beside whatever trains there."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    free, _ = torch.cuda.mem_get_info()
    weights = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    return torch.device("cuda" if weights < _GPU_SHARE * free else "cpu")


def _style(wanted: str, tokenizer: Tokenizer) -> str:
    if wanted == PLAIN_TEXT:
        return wanted
    style = resolve_template(wanted, tokenizer)
    lacking = [token for token in special_tokens(style)[1:] if tokenizer.token_to_id(token) is None]
    if lacking:
        raise Problem("template_unknown", template=style, token=lacking[0])
    return style
