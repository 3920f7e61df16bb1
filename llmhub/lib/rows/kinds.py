"""The kinds of rows that models learn from, and the fields that each has."""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    TEXT = "text"
    PROMPT_COMPLETION = "prompt_completion"
    CHAT = "chat"
    PREFERENCE = "preference"
    PROMPTS = "prompts"


# A row with the fields of its kind. Values are str, but for `messages` and `history`: lists of
# {"role": "system" | "user" | "assistant" | "tool", "content": str}.
Row = dict[str, Any]
Message = dict[str, str]

ROLES = ("system", "user", "assistant", "tool")

FIELDS: dict[Kind, tuple[str, ...]] = {
    Kind.TEXT: ("text",),
    Kind.PROMPT_COMPLETION: ("prompt", "completion"),
    Kind.CHAT: ("messages",),
    Kind.PREFERENCE: ("prompt", "chosen", "rejected"),
    Kind.PROMPTS: ("prompt",),
}
# `history`: the turns before the prompt, where two answers end a longer conversation.
OPTIONAL: dict[Kind, tuple[str, ...]] = {
    Kind.TEXT: (),
    Kind.PROMPT_COMPLETION: ("system",),
    Kind.CHAT: (),
    Kind.PREFERENCE: ("history",),
    Kind.PROMPTS: ("system",),
}


def conversation(kind: Kind, row: Row) -> list[Message]:
    """The turns that are not yet an answer to learn; for a chat all of its turns."""
    if kind is Kind.CHAT:
        return list(row["messages"])
    before = list(row.get("history", ()))
    if "system" in row:
        before.append({"role": "system", "content": row["system"]})
    return [*before, {"role": "user", "content": row["prompt"]}]
