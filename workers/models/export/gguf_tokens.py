"""The vocabulary of a GGUF file: tokens, merges, and how a text is divided before them.

llama.cpp divides texts by rules that it knows by name. A tokenizer with another rule is refused: it
would load, and read every text a little differently.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
from tokenizers import Tokenizer
from transformers import PretrainedConfig

from llmhub.lib.problems import Problem
from workers.training import tokenizer as tokenizers
from workers.training.models import load

Type = gguf.TokenType

# llama.cpp wants at least one merge. No text is ever divided so that these two meet.
NEVER = "<|never|> <|never|>"
SPLIT_BY_LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def describe(writer: gguf.GGUFWriter, model: Path, config: PretrainedConfig) -> None:
    rules = json.loads((model / "tokenizer.json").read_text())
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokens, types = vocabulary(tokenizer, config.vocab_size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(division(rules))
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges(rules))
    end = load.tokenizer_of(model).end_of_text
    ends = eos_of(model, tokenizer)
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end if ends is None else ends)
    writer.add_add_bos_token(adds_bos(tokenizer))
    if template := chat_template(model):
        writer.add_chat_template(template)


def vocabulary(tokenizer: Tokenizer, size: int) -> tuple[list[str], list[int]]:
    """One token for each row of the embedding; rows without one get a name that no text has."""
    tokens = [f"[PAD{number}]" for number in range(size)]
    types = [int(Type.UNUSED)] * size
    for token, number in tokenizer.get_vocab(with_added_tokens=True).items():
        tokens[number], types[number] = token, int(Type.NORMAL)
    for number, added in tokenizer.get_added_tokens_decoder().items():
        tokens[number] = added.content
        types[number] = int(Type.CONTROL if added.special else Type.USER_DEFINED)
    return tokens, types


def merges(rules: dict[str, Any]) -> list[str]:
    pairs = rules["model"].get("merges") or []
    return [pair if isinstance(pair, str) else " ".join(pair) for pair in pairs] or [NEVER]


def division(rules: dict[str, Any]) -> str:
    """The name that llama.cpp has for how a text is divided before it is merged."""
    steps = steps_of(rules.get("pre_tokenizer"))
    shapes = [shape(step) for step in steps]
    is_bpe = rules["model"].get("type") == "BPE" and not rules.get("normalizer")
    has_merges = bool(rules["model"].get("merges"))
    if not is_bpe or not shapes or shapes[-1][0] != "ByteLevel" or prefixes(steps):
        raise Problem("gguf_tokenizer")
    known = {
        (("ByteLevel", True),): "gpt-2",
        (("Digits", True), ("ByteLevel", True)): "smollm",
        (("Split", SPLIT_BY_LLAMA_3), ("ByteLevel", False)): "llama-bpe",
    }
    # Without merges every byte stands alone, however the text is divided.
    name = known.get(tuple(shapes)) if has_merges else "gpt-2"
    if name is None:
        raise Problem("gguf_tokenizer")
    return name


def steps_of(step: dict[str, Any] | None) -> list[dict[str, Any]]:
    if not step:
        return []
    inner: list[dict[str, Any]] = step.get("pretokenizers", [])
    return inner if step["type"] == "Sequence" else [step]


def shape(step: dict[str, Any]) -> tuple[str, Any]:
    settings = {
        "ByteLevel": lambda: step.get("use_regex", True),
        "Digits": lambda: step.get("individual_digits"),
        "Split": lambda: step.get("pattern", {}).get("Regex"),
    }
    return step["type"], settings.get(step["type"], lambda: None)()


def prefixes(steps: list[dict[str, Any]]) -> bool:
    return any(step.get("add_prefix_space") for step in steps)


def eos_of(model: Path, tokenizer: Tokenizer) -> int | None:
    """What ends an answer, where the tokenizer's settings name it."""
    return tokenizers.named(model, tokenizer, "eos_token")


def adds_bos(tokenizer: Tokenizer) -> bool:
    """Whether texts begin with a token that nobody wrote."""
    with_special = tokenizer.encode("a", add_special_tokens=True).ids
    return with_special != tokenizer.encode("a", add_special_tokens=False).ids


def chat_template(model: Path) -> str:
    path = model / "chat_template.jinja"
    if path.is_file():
        return path.read_text()
    try:
        found = json.loads((model / "tokenizer_config.json").read_text()).get("chat_template")
    except (OSError, ValueError):
        return ""
    return found if isinstance(found, str) else ""
