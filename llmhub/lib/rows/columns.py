"""From the columns of somebody's file to the fields of a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from llmhub.lib.problems import Problem
from llmhub.lib.rows.kinds import FIELDS, OPTIONAL, ROLES, Kind, Message, Row

Columns = Mapping[str, str]  # field -> column
Raw = Mapping[str, Any]  # column -> value, as it is in the file

# No field of a row, but of a mapping: what an instruction is about, put below it.
CONTEXT = "context"
WITH_CONTEXT = (Kind.PROMPT_COMPLETION, Kind.PREFERENCE, Kind.PROMPTS)

# Names of well-known datasets, the more telling ones first.
_NAMES: dict[str, tuple[str, ...]] = {
    "chosen": ("chosen", "chosen_response", "response_chosen", "response_j"),
    "rejected": ("rejected", "rejected_response", "response_rejected", "response_k"),
    "messages": ("messages", "conversations", "conversation", "dialogue", "dialog", "turns"),
    "prompt": ("prompt", "instruction", "question", "query", "user", "input"),
    "completion": (
        *("completion", "response", "output", "answer", "target"),
        *("assistant", "response_text", "chosen_response"),
    ),
    "context": ("context", "input"),
    "system": ("system", "system_prompt", "system_message"),
    "history": ("history",),
    "text": ("text", "content", "document", "body", "article", "raw_content", "passage"),
}

# What authors of datasets call those who speak.
_ROLES = {role: role for role in ROLES} | {
    **dict.fromkeys(("human", "prompter"), "user"),
    **dict.fromkeys(("gpt", "chatgpt", "bot", "model"), "assistant"),
    **dict.fromkeys(("function", "observation"), "tool"),
}
# As JSON calls them, in every language.
_TYPES = {type(None): "null", bool: "boolean", int: "number", float: "number", str: "string"} | {
    dict: "object",
    list: "array",
}
# As in Anthropic's “helpful and harmless” data: a whole conversation in one text.
_SPEAKER = re.compile(r"(?:\A|\n\n)\s*(Human|Assistant):[ ]?")

# What names can stand for, the more special first.
_ORDER = (Kind.PREFERENCE, Kind.CHAT, Kind.PROMPT_COMPLETION, Kind.TEXT, Kind.PROMPTS)


def fields(kind: Kind) -> tuple[str, ...]:
    """All that a mapping may name for rows of a kind."""
    context = (CONTEXT,) if kind in WITH_CONTEXT else ()
    return FIELDS[kind] + OPTIONAL[kind] + context


def recognise(columns: Sequence[str], sample: Sequence[Raw]) -> tuple[Kind, dict[str, str]] | None:
    """What the names of the columns say, if at least one row of the sample agrees."""
    for kind in _ORDER:
        mapping = by_name(kind, columns)
        if _is_complete(kind, mapping) and (not sample or _fits(kind, mapping, sample)):
            return kind, mapping
    return None


def to_row(kind: Kind, columns: Columns, raw: Raw) -> Row:
    """Raises Problem, without a place, where the values are not what the kind needs."""
    return _READERS[kind](columns, raw)


def by_name(kind: Kind, columns: Sequence[str]) -> dict[str, str]:
    """The columns that are named as the fields of a kind often are; not always all of them."""
    free = {column.strip().lower(): column for column in reversed(columns)}
    mapping = {}
    for field in fields(kind):
        name = next((name for name in _NAMES[field] if name in free), None)
        if name is not None:
            mapping[field] = free.pop(name)
    return mapping


def _is_complete(kind: Kind, mapping: Columns) -> bool:
    """Two answers may hold their prompt themselves."""
    needed = ("chosen", "rejected") if kind is Kind.PREFERENCE else FIELDS[kind]
    return all(field in mapping for field in needed)


def _fits(kind: Kind, mapping: Columns, sample: Sequence[Raw]) -> bool:
    for raw in sample:
        with suppress(Problem):
            to_row(kind, mapping, raw)
            return True
    return False


def _text(columns: Columns, raw: Raw) -> Row:
    return {"text": _string(*_value(columns, "text", raw))}


def _prompt_completion(columns: Columns, raw: Raw) -> Row:
    row = _prompts(columns, raw)
    row["completion"] = _string(*_value(columns, "completion", raw))
    return row


def _chat(columns: Columns, raw: Raw) -> Row:
    return {"messages": _messages(*_value(columns, "messages", raw))}


def _prompts(columns: Columns, raw: Raw) -> Row:
    value, column = _value(columns, "prompt", raw)
    if isinstance(value, list):
        return _asked_once(_messages(value, column), column)
    row = {"prompt": _with_context(_string(value, column), columns, raw)}
    system = _optional_text(columns, "system", raw)
    if system:
        row["system"] = system
    return row


def _asked_once(turns: list[Message], column: str) -> Row:
    """A question that is written as a conversation."""
    match [(turn["role"], turn["content"]) for turn in turns]:
        case [("user", prompt)]:
            return {"prompt": prompt}
        case [("system", system), ("user", prompt)]:
            return {"prompt": prompt, "system": system}
    raise Problem("several_turns", column=column)


def _preference(columns: Columns, raw: Raw) -> Row:
    chosen, rejected = (_answered(columns, field, raw) for field in ("chosen", "rejected"))
    names = {field: columns[field] for field in ("chosen", "rejected")}
    shared = chosen[:-1]
    if shared != rejected[:-1] or {chosen[-1]["role"], rejected[-1]["role"]} != {"assistant"}:
        raise Problem("no_shared_prompt", **names)
    if not shared or shared[-1]["role"] != "user":
        raise Problem("no_question", column=names["chosen"])
    answers = {"chosen": chosen[-1]["content"], "rejected": rejected[-1]["content"]}
    row: Row = {"prompt": shared[-1]["content"]} | answers
    if shared[:-1]:
        row["history"] = shared[:-1]
    return row


def _answered(columns: Columns, field: str, raw: Raw) -> list[Message]:
    """The whole conversation that ends in one of the two answers."""
    value, column = _value(columns, field, raw)
    if isinstance(value, list):
        turns = _messages(value, column)
        is_answer_alone = turns[0]["role"] == "assistant"
        return [*_asked(columns, raw), *turns] if is_answer_alone else turns
    answer = _string(value, column)
    if "prompt" not in columns:
        return _transcript(answer)
    return [*_asked(columns, raw), {"role": "assistant", "content": answer}]


def _asked(columns: Columns, raw: Raw) -> list[Message]:
    value, column = _value(columns, "prompt", raw)
    if isinstance(value, list):
        return _messages(value, column)
    prompt = _with_context(_string(value, column), columns, raw)
    before = raw.get(columns["history"]) if "history" in columns else None
    turns = _messages(before, columns["history"]) if before else []
    return [*turns, {"role": "user", "content": prompt}]


def _transcript(text: str) -> list[Message]:
    """The turns of a text such as `\\n\\nHuman: Hello\\n\\nAssistant: Hello!`."""
    before, *parts = _SPEAKER.split(text)
    if not parts or before.strip():
        raise Problem("not_mapped", field="prompt")
    return [
        {"role": _ROLES.get(speaker.lower(), speaker.lower()), "content": content}
        for speaker, content in zip(parts[::2], parts[1::2], strict=True)
    ]


def _messages(value: Any, column: str) -> list[Message]:
    if not isinstance(value, list):
        raise Problem("not_messages", column=column, found=_type(value))
    if not value:
        raise Problem("no_messages", column=column)
    return [_message(turn, column) for turn in value]


def _message(turn: Any, column: str) -> Message:
    if not isinstance(turn, dict):
        raise Problem("not_messages", column=column, found=_type(turn))
    role = str(turn.get("role", turn.get("from")))
    if role.lower() not in _ROLES:
        raise Problem("unknown_role", column=column, role=role)
    content = _string(turn.get("content", turn.get("value")), column)
    return {"role": _ROLES[role.lower()], "content": content}


def _with_context(prompt: str, columns: Columns, raw: Raw) -> str:
    context = _optional_text(columns, CONTEXT, raw)
    return f"{prompt}\n\n{context}" if context else prompt


def _optional_text(columns: Columns, field: str, raw: Raw) -> str:
    if field not in columns:
        return ""
    value = raw.get(columns[field])
    return "" if value is None else _string(value, columns[field])


def _value(columns: Columns, field: str, raw: Raw) -> tuple[Any, str]:
    """The value of a field, and the column that it is from."""
    column = columns.get(field)
    if column is None:
        raise Problem("not_mapped", field=field)
    try:
        return raw[column], column
    except KeyError:
        raise Problem("missing_column", column=column) from None


def _string(value: Any, column: str) -> str:
    if not isinstance(value, str):
        raise Problem("not_text", column=column, found=_type(value))
    if "\0" in value:
        raise Problem("nul_character", column=column)
    return value


def _type(value: Any) -> str:
    return _TYPES.get(type(value), type(value).__name__)


_READERS: dict[Kind, Callable[[Columns, Raw], Row]] = {
    Kind.TEXT: _text,
    Kind.PROMPT_COMPLETION: _prompt_completion,
    Kind.CHAT: _chat,
    Kind.PREFERENCE: _preference,
    Kind.PROMPTS: _prompts,
}
