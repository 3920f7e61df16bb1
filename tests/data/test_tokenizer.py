from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmhub.lib.problems import Problem
from llmhub.lib.rows.template import END_OF_TEXT, special_tokens
from workers.data.tokens import tokenizer as tokenizers

TEXT = "Où est l'été? 漢字 and\tplain words, plain words.\n" * 20
KINDS = pytest.mark.parametrize("kind", ["bpe", "bytes", "characters"])
CHATML = special_tokens("chatml")
PLAIN = {"bpe": (END_OF_TEXT,), "bytes": (), "characters": (END_OF_TEXT,)}


def build(kind: str, vocab_size: int = 300, special=None, text: str = TEXT):
    return tokenizers.build(kind, vocab_size, PLAIN[kind] if special is None else special, [text])


def ids(kind: str, tokenizer, text: str = TEXT) -> np.ndarray:
    (found,) = tokenizers.encoder(kind, tokenizer)([text])
    return found


@KINDS
def test_text_comes_back_from_its_tokens(kind: str):
    tokenizer = build(kind)

    assert tokenizer.decode(ids(kind, tokenizer).tolist(), skip_special_tokens=False) == TEXT


@KINDS
def test_the_same_text_makes_the_same_tokenizer(kind: str):
    assert build(kind).to_str() == build(kind).to_str()


@KINDS
@pytest.mark.parametrize("special", [None, CHATML])
def test_tokens_cover_the_characters_of_the_text_and_special_ones_have_none(kind: str, special):
    tokenizer = build(kind, special=special)
    per_token = tokenizers.characters_per_token(kind, tokenizer)

    assert per_token[ids(kind, tokenizer)].sum() == len(TEXT)
    assert not per_token[list(tokenizers.special_ids(tokenizer).values())].any()


@KINDS
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
@settings(deadline=None, max_examples=50)
def test_tokens_are_those_of_the_library(kind: str, text: str):
    tokenizer = build(kind, special=CHATML)

    expected = tokenizer.encode(text, add_special_tokens=False).ids
    assert ids(kind, tokenizer, text).tolist() == expected


@KINDS
@pytest.mark.parametrize("special", CHATML)
def test_special_tokens_that_a_person_types_are_text(kind: str, special: str, tmp_path: Path):
    text = f"before {special} after"
    made = build(kind, special=CHATML, text=TEXT + text)
    made.save(str(tmp_path / "tokenizer.json"))
    special_ids = set(tokenizers.special_ids(made).values())

    for tokenizer in (made, tokenizers.load(tmp_path / "tokenizer.json")):
        found = ids(kind, tokenizer, text).tolist()
        assert special_ids.isdisjoint(found)
        assert tokenizer.decode(found) == text


def test_bytes_are_their_own_tokens():
    assert ids("bytes", build("bytes", 256), "é!").tolist() == [*"é!".encode()]


def test_special_tokens_come_after_the_bytes_and_before_all_else():
    at = {kind: tokenizers.special_ids(build(kind, special=CHATML)) for kind in PLAIN}

    assert at["bytes"] == dict(zip(CHATML, (256, 257, 258), strict=True))
    assert at["bpe"] == at["characters"] == dict(zip(CHATML, (0, 1, 2), strict=True))
    assert tokenizers.special_ids(build("bytes")) == {END_OF_TEXT: 0}


def test_bpe_learns_from_the_text_up_to_the_vocabulary():
    tokenizer = build("bpe", 270)

    assert tokenizer.get_vocab_size() == 270
    assert len(ids("bpe", tokenizer)) < len(TEXT.encode())


def test_bpe_may_find_less_to_learn_than_the_vocabulary_holds():
    assert build("bpe", 5_000, text="ab ab ab").get_vocab_size() < 300


def test_characters_that_training_never_saw_are_unknown_and_count_as_characters():
    tokenizer = build("characters", 256, text="abc")
    found = ids("characters", tokenizer, "abcx漢")

    assert found.tolist() == [1, 2, 3, 4, 4]
    assert tokenizer.id_to_token(4) == tokenizers.UNKNOWN
    assert tokenizers.characters_per_token("characters", tokenizer)[found].sum() == 5


@pytest.mark.parametrize(
    ("kind", "special", "needed"),
    [("bpe", None, 257), ("bpe", CHATML, 259), ("bytes", CHATML, 259)],
)
def test_a_vocabulary_without_room_is_a_problem(kind: str, special, needed: int):
    with pytest.raises(Problem, match=f"need {needed} tokens .* vocabulary has 256") as refused:
        build(kind, 256, special)

    assert refused.value.code == "vocabulary_too_small"
    assert build(kind, needed, special).get_vocab_size() == needed


def test_more_characters_than_the_vocabulary_is_a_problem():
    alphabet = "".join(map(chr, range(0x4E00, 0x4E00 + 256)))

    with pytest.raises(Problem, match="need 258 tokens"):
        build("characters", 256, text=alphabet)


@KINDS
def test_a_long_text_has_the_same_tokens_in_parts(kind: str):
    """With blanks of all sorts between the words, where the pattern looks ahead."""
    draw = random.Random(1)
    blanks = [" ", "  ", "\n", "\n\n", " \n", "\n ", "\t", "\r\n\r\n", "   \n\n   ", "'s "]
    text = "".join(
        draw.choice(["plain", "words", "12", "?!", "été"]) + draw.choice(blanks)
        for _ in range(tokenizers.LONGEST)
    )
    tokenizer = build(kind, special=CHATML, text=text[:10_000])

    parts = list(tokenizers.cut(text))

    assert len(parts) > 5
    assert max(map(len, parts)) <= tokenizers.LONGEST
    assert "".join(parts) == text
    found = np.concatenate(list(tokenizers.encoder(kind, tokenizer)(parts)))
    assert np.array_equal(found, ids(kind, tokenizer, text))


def test_a_word_longer_than_a_part_is_cut_anyway():
    text = "漢" * (2 * tokenizers.LONGEST + 1)

    assert list(map(len, tokenizers.cut(text))) == [tokenizers.LONGEST, tokenizers.LONGEST, 1]


@KINDS
def test_tokens_are_shown_as_people_write_them(kind: str):
    tokenizer = build(kind, special=CHATML)
    show = tokenizers.readable(kind, tokenizer)

    special = tokenizers.special_ids(tokenizer)
    assert [show(special[token]) for token in CHATML] == list(CHATML)
    shown = [show(i) for i in ids(kind, tokenizer, "a\t été").tolist()]
    if kind == "bytes":
        assert shown == ["a", "\t", " ", r"\xc3", r"\xa9", "t", r"\xc3", r"\xa9"]
    else:
        assert "".join(shown) == "a\t été"


def test_the_end_of_a_text_is_shown_as_such_where_it_is_the_byte_nul():
    assert tokenizers.readable("bytes", build("bytes"))(0) == END_OF_TEXT
    assert tokenizers.readable("bytes", build("bytes", special=CHATML))(0) == r"\x00"
