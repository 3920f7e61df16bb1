from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.lib.rows.kinds import ROLES, Kind
from llmhub.lib.rows.template import (
    END_OF_TEXT,
    TEMPLATES,
    Segment,
    as_text,
    render,
    special_tokens,
    texts,
)


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


CHAT = {
    "messages": [
        turn("system", "Be kind."),
        turn("user", "Hello?"),
        turn("assistant", "Hi."),
        turn("user", "And?"),
        turn("assistant", "So."),
    ]
}


def written(sequence: list[Segment]) -> str:
    return "".join(segment.text for segment in sequence)


def learnt(sequence: list[Segment]) -> str:
    return "".join(segment.text for segment in sequence if segment.loss)


def test_a_text_is_learnt_whole_with_its_end():
    for template in TEMPLATES:
        assert render(Kind.TEXT, {"text": "Once"}, template) == [
            [Segment("Once", loss=True), Segment(END_OF_TEXT, special=True, loss=True)]
        ]


def test_a_chat_in_chatml():
    (sequence,) = render(Kind.CHAT, CHAT, "chatml")

    assert written(sequence) == (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHello?<|im_end|>\n"
        "<|im_start|>assistant\nHi.<|im_end|>\n<|im_start|>user\nAnd?<|im_end|>\n"
        "<|im_start|>assistant\nSo.<|im_end|>\n"
    )
    assert learnt(sequence) == "Hi.<|im_end|>So.<|im_end|>"


def test_a_chat_in_plain_text():
    (sequence,) = render(Kind.CHAT, CHAT, "plain")

    assert written(sequence) == (
        "System: Be kind.\n\nUser: Hello?\n\nAssistant: Hi.<|endoftext|>\n\n"
        "User: And?\n\nAssistant: So.<|endoftext|>\n\n"
    )
    assert learnt(sequence) == "Hi.<|endoftext|>So.<|endoftext|>"


def test_a_completion_is_learnt_and_its_prompt_is_not():
    row = {"system": "Be kind.", "prompt": "Hello?", "completion": "Hi."}
    (chatml,) = render(Kind.PROMPT_COMPLETION, row, "chatml")
    (plain,) = render(Kind.PROMPT_COMPLETION, row, "plain")

    assert written(chatml) == (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHello?<|im_end|>\n"
        "<|im_start|>assistant\nHi.<|im_end|>"
    )
    assert learnt(chatml) == "Hi.<|im_end|>"
    assert written(plain) == "Be kind.\n\nHello?\n\nHi.<|endoftext|>"
    assert learnt(plain) == "Hi.<|endoftext|>"


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_prompt_ends_where_its_answers_begin(template: str):
    row = {"prompt": "Hello?", "chosen": "Hi.", "rejected": "No."}
    history = [turn("user", "A?"), turn("assistant", "B.")]
    for preference in (row, row | {"history": history}):
        chosen, rejected = render(Kind.PREFERENCE, preference, template)
        end = special_tokens(template)[-1]

        assert [learnt(chosen), learnt(rejected)] == ["Hi." + end, "No." + end]
        assert chosen[:-2] == rejected[:-2]
    (prompt,) = render(Kind.PROMPTS, {"prompt": "Hello?"}, template)
    assert prompt == render(Kind.PREFERENCE, row, template)[0][:-2]
    assert not learnt(prompt)


def test_only_the_end_of_an_empty_answer_is_learnt():
    (sequence,) = render(Kind.PROMPT_COMPLETION, {"prompt": "a", "completion": ""}, "plain")

    assert sequence[-1] == Segment(END_OF_TEXT, special=True, loss=True)
    assert "" not in [segment.text for segment in sequence]


anything = st.sampled_from([*special_tokens("chatml"), "a", "\n", "é", ""]) | st.text()
turns = st.lists(
    st.builds(turn, st.sampled_from(ROLES), st.lists(anything).map("".join)), min_size=1
)
rows = st.one_of(
    st.tuples(st.just(Kind.TEXT), st.fixed_dictionaries({"text": anything})),
    st.tuples(st.just(Kind.CHAT), st.fixed_dictionaries({"messages": turns})),
    st.tuples(
        st.just(Kind.PROMPT_COMPLETION),
        st.fixed_dictionaries({"prompt": anything, "completion": anything}),
    ),
    st.tuples(
        st.just(Kind.PREFERENCE),
        st.fixed_dictionaries(
            {"prompt": anything, "chosen": anything, "rejected": anything},
            optional={"history": turns},
        ),
    ),
)


def with_other_texts(row):
    """A row of the same shape in which nobody writes what looks like a special token."""
    if isinstance(row, list):
        return [with_other_texts(item) for item in row]
    if isinstance(row, dict):
        return {
            name: value if name == "role" else with_other_texts(value)
            for name, value in row.items()
        }
    return "x" if row else ""


def special(sequence: list[Segment]) -> list[str]:
    return [segment.text for segment in sequence if segment.special]


@given(rows, st.sampled_from(TEMPLATES))
def test_what_people_write_never_becomes_a_special_token(kind_and_row, template):
    kind, row = kind_and_row
    sequences = render(kind, row, template)

    assert set().union(*map(special, sequences)) <= set(special_tokens(template))
    harmless = render(kind, with_other_texts(row), template)
    assert list(map(special, sequences)) == list(map(special, harmless))


@given(rows, st.sampled_from(TEMPLATES))
def test_all_that_people_write_is_read(kind_and_row, template):
    kind, row = kind_and_row
    everything = "".join(map(written, render(kind, row, template)))

    assert all(text in everything for text in texts(kind, row))


@given(rows, st.sampled_from(TEMPLATES))
def test_texts_beside_each_other_differ_in_what_is_learnt(kind_and_row, template):
    kind, row = kind_and_row
    for sequence in render(kind, row, template):
        for one, next_one in pairwise(sequence):
            assert one.special or next_one.special or one.loss != next_one.loss


def test_a_row_as_one_text_has_all_that_it_says():
    row = {"prompt": "a", "chosen": "b", "rejected": "c", "history": [turn("user", "d")]}

    assert as_text(Kind.PREFERENCE, row) == "d\n\na\n\nb\n\nc"
    assert as_text(Kind.CHAT, CHAT) == "Be kind.\n\nHello?\n\nHi.\n\nAnd?\n\nSo."
    assert texts(Kind.PROMPT_COMPLETION, {"system": "s", "prompt": "a", "completion": "b"}) == [
        "s",
        "a",
        "b",
    ]
