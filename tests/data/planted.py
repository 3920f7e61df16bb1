"""Rows of real prose with planted faults, and where each of them is.

The prose: docstrings of the standard library, chunk by chunk, every few words another one, so that
no two rows share what was not planted.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from llmhub.lib.rows import split
from tests.data import people

SHARE = 0.1  # for validation
_WORD = re.compile(r"[^\W_]+")
GRAM, SHINGLE = 13, 5  # words
# Jaccard similarity of the word n-grams, of planted pairs that are nearly the same and of others.
NEAR, UNLIKE = 0.9, 0.6


@dataclass(frozen=True)
class Planted:
    rows: list[dict[str, str]]
    benchmark: list[dict[str, str]]
    exact: set[int] = field(default_factory=set)  # later rows of a pair
    near: dict[int, int] = field(default_factory=dict)  # later row: its original
    unlike: dict[int, int] = field(default_factory=dict)  # later row: one that is a little alike
    leaked: set[int] = field(default_factory=set)  # rows for validation
    leaked_benchmark: set[int] = field(default_factory=set)
    personal: list[tuple[int, str, str]] = field(default_factory=list)  # row, kind, value


def plant(count: int, of_each: int, seed: int = 0) -> Planted:
    """`count` rows with some `of_each` fault, and as many rows of a benchmark."""
    draw = random.Random(seed)
    prose = _prose(draw)
    planted = Planted(
        [_row(next(prose)) for _ in range(count)], [_row(next(prose)) for _ in range(of_each)]
    )
    free = list(range(1, count))
    draw.shuffle(free)
    _plant_copies(planted, free, of_each, draw)
    _plant_leaks(planted, free, of_each, draw)
    _plant_personal(planted, free, of_each, draw)
    return planted


def as_text(row: dict[str, str]) -> str:
    return row["prompt"] + "\n\n" + row["completion"]


def shingles(text: str, n: int = SHINGLE) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def similarity(text: str, other: str) -> float:
    some, others = shingles(text), shingles(other)
    return len(some & others) / len(some | others)


def is_validation(row: dict[str, str]) -> bool:
    return split.is_validation(row["prompt"], SHARE)


def _plant_copies(planted: Planted, free: list[int], of_each: int, draw: random.Random) -> None:
    rows = planted.rows
    for _ in range(of_each):
        first, copy = sorted(free.pop() for _ in range(2))
        blank = draw.choice(["", " \n"])
        rows[copy] = {**rows[first], "completion": rows[first]["completion"] + blank}
        planted.exact.add(copy)
    for pairs, changes, like in (
        (planted.near, 1, lambda found: found >= NEAR),
        (planted.unlike, 14, lambda found: found < UNLIKE),
    ):
        for _ in range(of_each):
            first, copy = sorted(free.pop() for _ in range(2))
            rows[copy] = _changed(rows[first], changes, draw)
            while not like(similarity(as_text(rows[first]), as_text(rows[copy]))):
                rows[copy] = _changed(rows[first], changes, draw)
            pairs[copy] = first


def _changed(row: dict[str, str], changes: int, draw: random.Random) -> dict[str, str]:
    words = row["completion"].split(" ")
    for i in draw.sample(range(len(words)), changes):
        words[i] = f"change{draw.choice('abcdefgh')}"
    return {**row, "completion": " ".join(words)}


def _plant_leaks(planted: Planted, free: list[int], of_each: int, draw: random.Random) -> None:
    """A stretch of one row inside the answer of a row for training, which stays on its side."""
    rows = planted.rows
    hidden = [row for row in free if is_validation(rows[row])][:of_each]
    for row in hidden:
        free.remove(row)
    seen = [row for row in free if not is_validation(rows[row])]
    for row in hidden:
        _hide(rows[row], rows[_taken(seen, free)], draw)
        planted.leaked.add(row)
    for i in range(len(planted.benchmark) // 2):
        _hide(planted.benchmark[i], rows[_taken(seen, free)], draw)
        planted.leaked_benchmark.add(i)


def _taken(chosen: list[int], free: list[int]) -> int:
    row = chosen.pop()
    free.remove(row)
    return row


def _hide(row: dict[str, str], place: dict[str, str], draw: random.Random) -> None:
    text = row["completion"]
    words = list(_WORD.finditer(text))
    length = draw.randint(GRAM, GRAM + 7)
    start = draw.randrange(len(words) - length)
    hidden = text[words[start].start() : words[start + length - 1].end()]
    before, after = _halves(place["completion"], draw)
    place["completion"] = f"{before} {hidden.upper()} {after}"


def _plant_personal(planted: Planted, free: list[int], of_each: int, draw: random.Random) -> None:
    for kind, make in people.KINDS.items():
        for _ in range(of_each):
            row = free.pop()
            value, sentence = make(draw)
            before, after = _halves(planted.rows[row]["completion"], draw)
            planted.rows[row]["completion"] = f"{before} {sentence} {after}"
            planted.personal.append((row, kind, value))


def _halves(text: str, draw: random.Random) -> tuple[str, str]:
    words = text.split(" ")
    middle = draw.randrange(1, len(words))
    return " ".join(words[:middle]), " ".join(words[middle:])


def _row(words: list[str]) -> dict[str, str]:
    return {"prompt": " ".join(words[:12]), "completion": " ".join(words[12:])}


def _prose(draw: random.Random) -> Iterator[list[str]]:
    """130 to 200 words at a time, never the same ones twice."""
    # An address of a page is many words.
    words = [word for text in _docstrings() for word in text.split() if len(word) < 20]
    while True:
        start = 0
        while start + 200 < len(words):
            length = draw.randint(130, 200)
            yield _varied(words[start : start + length], words, draw)
            start += length


def _varied(chunk: list[str], words: list[str], draw: random.Random) -> list[str]:
    """No 13 words in succession, and few 5, are those of the original."""
    varied = list(chunk)
    position = draw.randrange(4)
    while position < len(varied):
        varied[position] = draw.choice(words)
        position += draw.randint(2, 4)
    return varied


def _docstrings() -> Iterator[str]:
    """Without digits and @: what looks like personal data shall be what was planted."""
    library = Path(ast.__file__).parent
    for path in sorted(library.glob("*.py")) + sorted(library.glob("[a-z]*/*.py")):
        if "site-packages" in path.parts or "test" in path.parts:
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield re.sub(r"[0-9@]", "", ast.get_docstring(node) or "")
