from __future__ import annotations

from typing import Any

import pytest

from llmhub.lib.problems import Problem
from llmhub.lib.rows.columns import by_name, fields, recognise, to_row
from llmhub.lib.rows.kinds import Kind


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


ASKED = [turn("user", "Hello?")]


@pytest.mark.parametrize(
    ("raw", "kind", "row"),
    [
        # The column names of well-known datasets, one row each.
        ({"text": "Once"}, Kind.TEXT, {"text": "Once"}),
        ({"id": 1, "Title": "T", "Content": "Once"}, Kind.TEXT, {"text": "Once"}),
        (
            {"instruction": "Add", "input": "1 2", "output": "3", "text": "all of it"},
            Kind.PROMPT_COMPLETION,
            {"prompt": "Add\n\n1 2", "completion": "3"},
        ),
        (
            {"instruction": "Why?", "context": "", "response": "So.", "category": "qa"},
            Kind.PROMPT_COMPLETION,
            {"prompt": "Why?", "completion": "So."},
        ),
        (
            {"question": "1 + 1?", "answer": "2"},
            Kind.PROMPT_COMPLETION,
            {"prompt": "1 + 1?", "completion": "2"},
        ),
        (
            {"input": "bonjour", "target": "hello"},
            Kind.PROMPT_COMPLETION,
            {"prompt": "bonjour", "completion": "hello"},
        ),
        (
            {"system_prompt": "Be kind.", "question": "Hello?", "response": "Hi."},
            Kind.PROMPT_COMPLETION,
            {"system": "Be kind.", "prompt": "Hello?", "completion": "Hi."},
        ),
        (
            {"prompt": "Hello?", "messages": [*ASKED, turn("assistant", "Hi.")]},
            Kind.CHAT,
            {"messages": [*ASKED, turn("assistant", "Hi.")]},
        ),
        (
            {"conversations": [{"from": "human", "value": "Hello?"}, {"from": "gpt", "value": ""}]},
            Kind.CHAT,
            {"messages": [*ASKED, turn("assistant", "")]},
        ),
        (
            {"prompt": "Hello?", "chosen": "Hi.", "rejected": "No."},
            Kind.PREFERENCE,
            {"prompt": "Hello?", "chosen": "Hi.", "rejected": "No."},
        ),
        (
            {"question": "Hello?", "response_j": "Hi.", "response_k": "No."},
            Kind.PREFERENCE,
            {"prompt": "Hello?", "chosen": "Hi.", "rejected": "No."},
        ),
        (
            {
                "prompt": "Hello?",
                "chosen": [*ASKED, turn("assistant", "Hi.")],
                "rejected": [*ASKED, turn("assistant", "No.")],
                "messages": [*ASKED, turn("assistant", "Hi.")],
            },
            Kind.PREFERENCE,
            {"prompt": "Hello?", "chosen": "Hi.", "rejected": "No."},
        ),
        (
            {
                "chosen": "\n\nHuman: A?\n\nAssistant: B.\n\nHuman: Hello?\n\nAssistant: Hi.",
                "rejected": "\n\nHuman: A?\n\nAssistant: B.\n\nHuman: Hello?\n\nAssistant: No.",
            },
            Kind.PREFERENCE,
            {
                "history": [turn("user", "A?"), turn("assistant", "B.")],
                "prompt": "Hello?",
                "chosen": "Hi.",
                "rejected": "No.",
            },
        ),
        (
            {
                "prompt": [turn("system", "Be kind."), *ASKED],
                "chosen": [turn("assistant", "Hi.")],
                "rejected": [turn("assistant", "No.")],
            },
            Kind.PREFERENCE,
            {
                "history": [turn("system", "Be kind.")],
                "prompt": "Hello?",
                "chosen": "Hi.",
                "rejected": "No.",
            },
        ),
        ({"id": 7, "prompt": "Hello?"}, Kind.PROMPTS, {"prompt": "Hello?"}),
        (
            {"prompt": [turn("system", "Be kind."), *ASKED]},
            Kind.PROMPTS,
            {"prompt": "Hello?", "system": "Be kind."},
        ),
    ],
)
def test_the_columns_of_known_datasets_are_recognised(raw, kind, row):
    recognised = recognise(list(raw), [raw])

    assert recognised is not None
    assert recognised[0] is kind
    assert to_row(*recognised, raw) == row


@pytest.mark.parametrize(
    ("columns", "sample"),
    [
        (["label", "score"], [{"label": 1, "score": 0.5}]),
        (["text"], [{"text": 5}]),
        (["messages"], [{"messages": "Hello"}]),
        ([], []),
    ],
)
def test_other_columns_are_left_to_a_person(columns, sample):
    assert recognise(columns, sample) is None


def test_names_decide_where_there_are_no_rows_and_one_good_row_is_enough():
    assert recognise(["Text"], []) == (Kind.TEXT, {"text": "Text"})
    assert recognise(["text"], [{"text": None}, {"text": "a"}]) == (Kind.TEXT, {"text": "text"})


def test_a_chosen_kind_gets_the_columns_that_are_named_like_its_fields():
    assert by_name(Kind.PROMPT_COMPLETION, ["question", "score"]) == {"prompt": "question"}
    assert by_name(Kind.PROMPT_COMPLETION, ["input", "output"]) == {
        "prompt": "input",
        "completion": "output",
    }


def test_a_mapping_has_the_fields_of_its_kind_and_what_is_put_below_a_prompt():
    assert fields(Kind.PROMPT_COMPLETION) == ("prompt", "completion", "system", "context")
    assert fields(Kind.TEXT) == ("text",)


CHAT = {"messages": "m"}
PAIR = {"chosen": "c", "rejected": "r"}
ANSWERED = [*ASKED, turn("assistant", "Hi.")]


@pytest.mark.parametrize(
    ("kind", "columns", "raw", "code"),
    [
        (Kind.TEXT, {}, {"a": "b"}, "not_mapped"),
        (Kind.TEXT, {"text": "a"}, {"b": ""}, "missing_column"),
        (Kind.TEXT, {"text": "a"}, {"a": None}, "not_text"),
        (Kind.TEXT, {"text": "a"}, {"a": ["b"]}, "not_text"),
        (Kind.TEXT, {"text": "a"}, {"a": "b\0"}, "nul_character"),
        (Kind.PROMPT_COMPLETION, {"prompt": "a"}, {"a": "b"}, "not_mapped"),
        (Kind.PROMPT_COMPLETION, {"prompt": "a", "context": "b"}, {"a": "", "b": 1}, "not_text"),
        (Kind.CHAT, CHAT, {"m": "Hello"}, "not_messages"),
        (Kind.CHAT, CHAT, {"m": ["Hello"]}, "not_messages"),
        (Kind.CHAT, CHAT, {"m": []}, "no_messages"),
        (Kind.CHAT, CHAT, {"m": [turn("judge", "Guilty")]}, "unknown_role"),
        (Kind.CHAT, CHAT, {"m": [{"content": "Hello"}]}, "unknown_role"),
        (Kind.CHAT, CHAT, {"m": [{"role": ["user"], "content": ""}]}, "unknown_role"),
        (Kind.CHAT, CHAT, {"m": [{"role": "user"}]}, "not_text"),
        (Kind.PREFERENCE, PAIR, {"c": "Hi.", "r": "No."}, "not_mapped"),
        (Kind.PREFERENCE, PAIR, {"c": ANSWERED, "r": ASKED}, "no_shared_prompt"),
        (
            Kind.PREFERENCE,
            PAIR,
            {"c": ANSWERED, "r": [turn("user", "Other?"), turn("assistant", "No.")]},
            "no_shared_prompt",
        ),
        (Kind.PREFERENCE, PAIR, {"c": ANSWERED, "r": []}, "no_messages"),
        (
            Kind.PREFERENCE,
            PAIR,
            {"c": ANSWERED[1:], "r": ANSWERED[1:]},
            "not_mapped",
        ),
        (
            Kind.PREFERENCE,
            PAIR,
            {name: [turn("system", "s"), turn("assistant", name)] for name in "cr"},
            "no_question",
        ),
        (Kind.PROMPTS, {"prompt": "p"}, {"p": [*ANSWERED, *ASKED]}, "several_turns"),
    ],
)
def test_a_row_that_does_not_fit_says_why(kind, columns, raw: dict[str, Any], code: str):
    with pytest.raises(Problem) as caught:
        to_row(kind, columns, raw)
    assert caught.value.code == code


def test_canonical_rows_are_read_as_they_are():
    rows = {
        Kind.PROMPT_COMPLETION: {"prompt": "a", "completion": "b", "system": "c"},
        Kind.CHAT: {"messages": [turn("tool", "a")]},
        Kind.PREFERENCE: {"prompt": "a", "chosen": "b", "rejected": "c", "history": ANSWERED},
        Kind.PROMPTS: {"prompt": "a", "system": "c"},
    }
    for kind, row in rows.items():
        assert to_row(kind, {field: field for field in row}, row) == row
