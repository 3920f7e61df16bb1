"""A tokenizer as `transformers` saves and loads it."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from llmhub.lib.rows.template import END_OF_TEXT, TURN_END, TURN_START
from workers.data.tokens.tokenizer import special_ids

NAME = "tokenizer.json"
# What belongs to the tokenizer in a model's folder.
FILES = (
    NAME,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "vocab.json",
    "merges.txt",
)
# As `llmhub.lib.rows.template` writes turns.
_CHATML = (
    "{% for message in messages %}"
    f"{{{{ '{TURN_START}' + message['role'] + '\\n' + message['content'] + '{TURN_END}\\n' }}}}"
    "{% endfor %}"
    f"{{% if add_generation_prompt %}}{{{{ '{TURN_START}assistant\\n' }}}}{{% endif %}}"
)


def for_transformers(
    tokenizer: Tokenizer, end_of_text: int | None = None
) -> PreTrainedTokenizerFast:
    """`end_of_text`: the token that ends a text, where it is another model's tokenizer."""
    special = special_ids(tokenizer)
    end = tokenizer.id_to_token(special[END_OF_TEXT] if end_of_text is None else end_of_text)
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=end, eos_token=end)
    if TURN_START in special:
        made.chat_template = _CHATML
    return made


def end_of_text(tokenizer: Tokenizer) -> int | None:
    """The token <|endoftext|>, where there is one."""
    return _added(tokenizer, END_OF_TEXT)


def turn_end(tokenizer: Tokenizer) -> int | None:
    """The token that ends a turn of a chat, where there is one."""
    return _added(tokenizer, TURN_END)


def _added(tokenizer: Tokenizer, token: str) -> int | None:
    added = tokenizer.get_added_tokens_decoder()
    return next((i for i, found in added.items() if found.content == token), None)


def named(folder: Path, tokenizer: Tokenizer, setting: str) -> int | None:
    """The token that a model's folder names, such as its `eos_token`; as text, or with its text
    as `content`."""
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
