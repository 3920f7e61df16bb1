import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.datasets.text import BadText, Facts, inspect

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


def in_chunks(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


@given(texts, st.integers(1, 7))
def test_the_facts_do_not_depend_on_where_the_chunks_end(text, size):
    content = text.encode()
    assert inspect(in_chunks(content, size), 10**9) == inspect([content], 10**9)


def test_facts_of_a_small_text():
    content = "Où ?\nIci.".encode()
    facts = inspect([content], 100)
    assert facts == Facts(hashlib.sha256(content).hexdigest(), bytes=10, characters=9, lines=2)


@pytest.mark.parametrize(("text", "lines"), [("a", 1), ("a\n", 1), ("a\nb", 2), ("\n\n", 2)])
def test_a_last_line_counts_without_its_line_break(text, lines):
    assert inspect([text.encode()], 100).lines == lines


@given(texts, st.binary(min_size=1, max_size=3), st.integers(1, 5))
def test_a_broken_byte_is_named_by_its_position(text, tail, size):
    content = text.encode() + b"\xff" + tail.replace(b"\0", b"x")
    with pytest.raises(BadText, match=rf"\b{len(text.encode())}\b"):
        inspect(in_chunks(content, size), 10**9)


def test_a_character_cut_off_at_the_end_is_refused():
    with pytest.raises(BadText, match="byte 1 "):
        inspect([b"a\xc3"], 100)


def test_nul_is_refused_with_its_position():
    with pytest.raises(BadText, match="Byte 4 is NUL"):
        inspect([b"abc", b"d\0"], 100)


def test_an_empty_file_is_refused():
    with pytest.raises(BadText, match="empty"):
        inspect([], 100)


def test_a_file_beyond_the_limit_is_refused_before_it_is_read_whole():
    def endless():
        while True:
            yield b"x" * 2**20

    with pytest.raises(BadText, match="3 MiB"):
        inspect(endless(), 3 * 2**20)
