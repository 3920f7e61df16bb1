from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from llmhub.recipes.specs import Data
from tests.training.small import Place
from workers.training.errors import BadData
from workers.training.token_cache import TokenizedText, tokenized


def make(place: Place, say=lambda line: None, vocab_size: int = 300, **data) -> TokenizedText:
    return tokenized([place.text], Data(**data), vocab_size, place.root / "tokens", say)


def test_both_parts_of_the_text_are_tokenized(place: Place):
    text = place.text.path.read_text()
    made = make(place, validation_share=0.25)

    assert made.tokenizer.decode(made.training.tolist()) == text[: len(text) * 3 // 4]
    assert made.tokenizer.decode(made.validation.tolist()) == text[len(text) * 3 // 4 :]
    assert made.characters == len(text)


def test_the_second_run_takes_it_from_the_cache(place: Place):
    lines: list[str] = []
    first = make(place, lines.append)
    place.text.path.unlink()
    second = make(place, lines.append)

    assert np.array_equal(first.training, second.training)
    assert lines[1:] == ["The text is tokenized already"]


@pytest.mark.parametrize(
    "other", [{"tokenizer": "bytes"}, {"vocab_size": 310}, {"validation_share": 0.2}]
)
def test_other_settings_are_another_entry(place: Place, other):
    make(place)
    lines: list[str] = []
    make(place, lines.append, **other)

    assert lines[0].startswith("Making the tokenizer")


def test_two_runs_at_once_make_it_once(place: Place):
    lines: list[str] = []
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(lambda _: make(place, lines.append), range(4)))

    assert sum(line.startswith("Making") for line in lines) == 1
    assert len({text.training.tobytes() for text in made}) == 1


def test_what_a_killed_run_left_is_made_anew(place: Place):
    make(place)
    (entry,) = (path.parent for path in place.root.glob("tokens/*/validation.bin"))
    unfinished = entry.with_suffix(".unfinished")
    entry.rename(unfinished)
    (unfinished / "validation.bin").unlink()

    assert len(make(place).validation) > 0
    assert not unfinished.exists()


@pytest.mark.parametrize("name", ["facts.json", "tokenizer.json", "training.bin"])
def test_what_a_crash_damaged_is_made_anew(place: Place, name: str):
    first = np.array(make(place).training)
    (damaged,) = place.root.glob(f"tokens/*/{name}")
    damaged.write_bytes(b"")
    lines: list[str] = []

    assert np.array_equal(make(place, lines.append).training, first)
    assert lines[0].startswith("The tokenized text is damaged")


def test_a_changed_text_is_never_tokenized(place: Place):
    place.text.path.write_text("something else")

    with pytest.raises(BadData):
        make(place)
    assert not list((place.root / "tokens").glob("*.unfinished"))
