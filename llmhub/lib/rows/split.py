"""How a dataset is divided, said once for the pages that show it and the trainer that uses it."""

from __future__ import annotations

from hashlib import blake2b
from itertools import takewhile

from llmhub.lib.rows.kinds import Kind, Row, conversation

_BYTES = 8
_SPAN = 1 << 8 * _BYTES


def validation_start(characters: int, validation_share: float) -> int:
    """The character at which the validation part of a text begins: its last part."""
    return characters - round(characters * validation_share)


def key(kind: Kind, row: Row) -> str:
    """What keeps rows on one side: answers to the same prompt are never divided."""
    if kind is Kind.TEXT:
        return str(row["text"])
    if kind is not Kind.CHAT and "history" not in row:
        return str(row["prompt"])
    turns = takewhile(lambda turn: turn["role"] != "assistant", conversation(kind, row))
    return "\n\n".join(turn["content"] for turn in turns)


def is_validation(key: str, share: float) -> bool:
    """Decided by the key alone, so that rows which are added later move no other row."""
    digest = blake2b(key.encode(), digest_size=_BYTES).digest()
    return int.from_bytes(digest, "big") < share * _SPAN
