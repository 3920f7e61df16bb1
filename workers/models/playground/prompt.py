"""From what a person wrote to the tokens that the model reads."""

from __future__ import annotations

from typing import Any

from jinja2 import TemplateError

from llmhub.lib.problems import Problem
from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rows.template import render
from workers.models.playground.loaded import Loaded


def tokens_of(loaded: Loaded, request: dict[str, Any]) -> list[int]:
    """Raises Problem where nothing could be written after them."""
    tokens = _chat(loaded, request["messages"]) if "messages" in request else None
    if tokens is None:
        tokens = list(loaded.tokenizer(request["prompt"])["input_ids"])
    # An empty prompt: as a text begins.
    tokens = tokens or loaded.ends(is_chat=False)[:1] or [0]
    if len(tokens) >= loaded.context:
        raise Problem("prompt_too_long", tokens=len(tokens), context=loaded.context)
    return tokens


def _chat(loaded: Loaded, messages: list[dict[str, str]]) -> list[int]:
    """By the model's own template; without one, as a training with the template “plain” has it."""
    if not loaded.tokenizer.chat_template:
        return _plain(loaded, messages)
    try:
        text = loaded.tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=False
        )
    except TemplateError as error:
        raise Problem("playground_template", detail=str(error)) from error
    return list(loaded.tokenizer(text, add_special_tokens=False)["input_ids"])


def _plain(loaded: Loaded, messages: list[dict[str, str]]) -> list[int]:
    *before, last = messages
    row = {"prompt": last["content"], "history": before}
    (segments,) = render(Kind.PROMPTS, row, "plain")
    tokens: list[int] = []
    for segment in segments:
        tokens += loaded.tokenizer(segment.text, add_special_tokens=False)["input_ids"]
    return tokens
