from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmhub.lib import manifest
from llmhub.lib.problems import Problem
from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rows.template import END_OF_TEXT
from tests.data.sources import flip_a_byte, rows, texts
from workers.data.reading.source import Source
from workers.data.tokens.tokenize import PREVIEW_TOKENS, tokenize
from workers.data.tokens.tokenized import tokenized

CHOICE = {"tokenizer": "bpe", "vocab_size": 300, "validation_share": 0.25, "template": "chatml"}
PAIRS = [
    {"prompt": f"Qu’est-ce que {i}²?", "completion": f"C’est {i * i}, été comme hiver."}
    for i in range(60)
]


class Heard:
    def __init__(self) -> None:
        self.phases: list[str] = []

    def __call__(self, phase: str, done: float, total: float) -> None:
        assert 0 <= done <= total
        if phase not in self.phases:
            self.phases.append(phase)


def values(source: Source, **choice: Any) -> dict[str, Any]:
    folder = source.files[0].path.parent
    return {
        "source": {
            "files": [vars(file) | {"path": str(file.path)} for file in source.files],
            "reading": source.reading.as_json(),
        },
        "choice": CHOICE | choice,
        "cache": str(folder / "cache"),
        "folder": str(folder),
    }


def test_it_tells_what_it_made(tmp_path: Path):
    heard = Heard()
    made = tokenize(values(rows(tmp_path, Kind.PROMPT_COMPLETION, PAIRS)), heard)

    place = Path(made["path"])
    assert heard.phases == ["learning", "tokenizing"]
    assert place == tmp_path / "cache" / made["key"]
    assert made["vocab_size"] == 300
    assert sum(made["sequences"].values()) == 60
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    for part in ("training", "validation"):
        mask = np.fromfile(place / f"{part}.mask.bin", dtype=np.uint8)
        assert made["tokens"][part] == len(mask)
        assert made["loss_tokens"][part] == mask.sum() < len(mask)
    assert made["characters_per_token"] == made["characters"] / sum(made["tokens"].values())
    assert made["bytes"] == sum((place / name).stat().st_size for name in made["sha256"])
    assert made["sha256"]["training.bin"] == manifest.file_hash(place / "training.bin")


def test_the_second_time_it_finds_it(tmp_path: Path):
    asked = values(rows(tmp_path, Kind.PROMPT_COMPLETION, PAIRS))
    first, heard = tokenize(asked, Heard()), Heard()

    assert tokenize(asked, heard) == first
    assert heard.phases == []


def test_a_training_finds_what_it_made(tmp_path: Path):
    from workers.data.tokens.tokenized import Choice

    source = texts(tmp_path, "some words, " * 500)
    made = tokenize(values(source), Heard())
    lines: list[str] = []
    tokenized(source, Choice("bpe", 300, 0.25), tmp_path / "cache", lines.append)

    assert lines == ["The data are tokenized already"]
    assert made["tokens"]["training"] == made["loss_tokens"]["training"]


@pytest.mark.parametrize("tokenizer", ["bpe", "bytes", "characters"])
def test_the_preview_is_what_the_trainer_reads(tmp_path: Path, tokenizer: str):
    made = tokenize(
        values(rows(tmp_path, Kind.PROMPT_COMPLETION, PAIRS), tokenizer=tokenizer), Heard()
    )

    tokens = np.fromfile(Path(made["path"]) / "training.bin", dtype=np.uint16).tolist()
    flat = [token for sequence in made["preview"] for token in sequence]
    assert [token_id for _, _, token_id in flat] == tokens[: len(flat)]
    assert len(made["preview"]) == 5


def test_the_preview_shows_what_is_learned(tmp_path: Path):
    """A token is a character here, so that every text comes out whole."""
    source = rows(tmp_path, Kind.PROMPT_COMPLETION, PAIRS)
    made = tokenize(values(source, tokenizer="characters"), Heard())

    written = {
        f"<|im_start|>user\n{row['prompt']}<|im_end|>\n<|im_start|>assistant\n{row['completion']}"
        "<|im_end|>": row["completion"] + "<|im_end|>"
        for row in PAIRS
    }
    for sequence in made["preview"]:
        whole = "".join(text for text, _, _ in sequence)
        learned = "".join(text for text, counted, _ in sequence if counted)
        assert written[whole] == learned


def test_the_preview_shows_the_two_answers_of_a_pair_side_by_side(tmp_path: Path):
    pairs = [{"prompt": f"{i}²?", "chosen": f"{i * i}", "rejected": f"{i}²"} for i in range(60)]
    source = rows(tmp_path, Kind.PREFERENCE, pairs)
    made = tokenize(values(source, tokenizer="characters"), Heard())

    learned = [
        "".join(text for text, counted, _ in sequence if counted).removesuffix("<|im_end|>")
        for sequence in made["preview"]
    ]
    answers = {pair["chosen"]: pair["rejected"] for pair in pairs}
    assert [answers[chosen] for chosen in learned[0:4:2]] == learned[1:4:2]
    assert sum(made["sequences"].values()) == 2 * len(pairs)


def test_bytes_of_a_character_that_is_split_are_shown_as_bytes(tmp_path: Path):
    made = tokenize(values(texts(tmp_path, "été\n" * 100), tokenizer="bytes"), Heard())

    (sequence,) = made["preview"]
    assert [text for text, _, _ in sequence[:6]] == [r"\xc3", r"\xa9", "t", r"\xc3", r"\xa9", "\n"]
    assert len(sequence) == PREVIEW_TOKENS


def test_the_preview_of_texts_shows_where_they_end(tmp_path: Path):
    source = rows(tmp_path, Kind.TEXT, [{"text": f"text {i}"} for i in range(9)])
    made = tokenize(values(source, tokenizer="bytes"), Heard())

    assert all(sequence[-1] == [END_OF_TEXT, 1, 0] for sequence in made["preview"])


def test_a_changed_file_is_a_problem_even_where_tokens_are_there(tmp_path: Path):
    source = texts(tmp_path, "some words, " * 500)
    tokenize(values(source), Heard())
    flip_a_byte(source.files[0].path)

    with pytest.raises(Problem, match=source.files[0].sha256):
        tokenize(values(source), Heard())


def test_texts_without_a_validation_part_are_told_as_such(tmp_path: Path):
    made = tokenize(values(texts(tmp_path, "one", "two"), validation_share=0), Heard())

    assert made["sequences"] == {"training": 2, "validation": 0}
    assert made["tokens"]["validation"] == 0
