"""A tokenizer as `transformers` saves and loads it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from llmhub.lib.rows.template import END_OF_TEXT, TURN_END, TURN_START
from workers.data.tokens.tokenizer import special_ids
from workers.training.errors import BadConfig

NAME = "tokenizer.json"
# What belongs to a tokenizer in a model's folder, beside the tokenizer itself.
_OTHERS = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "vocab.json",
    "merges.txt",
)
# The settings that name a token; its value is the token's text, or a dict with it as `content`.
_END, _PAD = "eos_token", "pad_token"

# As `llmhub.lib.rows.template` writes turns.
_CHATML = (
    "{% for message in messages %}"
    f"{{{{ '{TURN_START}' + message['role'] + '\\n' + message['content'] + '{TURN_END}\\n' }}}}"
    "{% endfor %}"
    f"{{% if add_generation_prompt %}}{{{{ '{TURN_START}assistant\\n' }}}}{{% endif %}}"
)


@dataclass(frozen=True)
class ModelTokenizer:
    """The tokenizer of a model that exists already."""

    path: Path  # of the tokenizer.json
    end_of_text: int
    pad: int | None


def for_transformers(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    special = special_ids(tokenizer)
    end = tokenizer.id_to_token(special[END_OF_TEXT])
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=end, eos_token=end)
    if TURN_START in special:
        made.chat_template = _CHATML
    return made


def copy(source: Path, place: Path) -> None:
    """The files of a tokenizer as they are: written anew, they could become others."""
    for name in (NAME, *_OTHERS):
        if (source / name).is_file():
            shutil.copyfile(source / name, place / name)


def tokenizer_of(folder: Path) -> ModelTokenizer:
    """<|endoftext|> ends a text where the tokenizer has it, else its own end token does."""
    path = folder / NAME
    if not path.is_file():
        raise BadConfig(
            f"{folder} has no {NAME}: save its tokenizer again as a fast one of `transformers`."
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    # The library's own errors are plain exceptions.
    except Exception as error:  # noqa: BLE001
        raise BadConfig(f"{path} cannot be read: {error}") from error
    ends = _added(tokenizer, END_OF_TEXT), _named(folder, tokenizer, _END)
    end = next((found for found in ends if found is not None), None)
    if end is None:
        raise BadConfig(f"The tokenizer of {folder} does not say which token ends a text.")
    return ModelTokenizer(path, end, _named(folder, tokenizer, _PAD))


def turn_end(tokenizer: Tokenizer) -> int | None:
    """The token that ends a turn of a chat, where there is one."""
    return _added(tokenizer, TURN_END)


def _added(tokenizer: Tokenizer, token: str) -> int | None:
    added = tokenizer.get_added_tokens_decoder()
    return next((i for i, found in added.items() if found.content == token), None)


def _named(folder: Path, tokenizer: Tokenizer, setting: str) -> int | None:
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        try:
            token = json.loads((folder / name).read_text()).get(setting)
        except (OSError, ValueError, AttributeError):
            continue
        text = token.get("content") if isinstance(token, dict) else token
        if isinstance(text, str):
            found: int | None = tokenizer.token_to_id(text)
            return found
    return None
