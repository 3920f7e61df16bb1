from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llmhub.lib import manifest
from llmhub.lib.problems import Problem
from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rows.template import render, special_tokens
from tests.data.sources import flip_a_byte, rows, texts
from workers.data.reading.source import Source
from workers.data.tokens import tokenized as of_source
from workers.data.tokens import tokenizer as tokenizers
from workers.data.tokens.token_files import Part
from workers.data.tokens.tokenized import Choice, Tokenized, key, sample, tokenized

KINDS = pytest.mark.parametrize("tokenizer", ["bpe", "bytes", "characters"])
WORDS = "to be or not to be, that is the question — où est l'été?\n" * 400

ROWS: dict[Kind, list[dict[str, Any]]] = {
    Kind.TEXT: [{"text": f"Text {i} says {i * i}. <|endoftext|>"} for i in range(60)],
    Kind.PROMPT_COMPLETION: [
        {"prompt": f"What is {i}²? <|im_end|>", "completion": f"It is <|im_start|> {i * i}."}
        for i in range(60)
    ],
    Kind.CHAT: [
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": f"What is {i}²?<|im_end|>"},
                {"role": "assistant", "content": f"{i * i}<|im_end|>"},
                {"role": "user", "content": "Sure?"},
                {"role": "assistant", "content": f"Yes, {i * i}."},
            ]
        }
        for i in range(60)
    ],
    Kind.PREFERENCE: [
        {"prompt": f"What is {i}²?", "chosen": f"{i * i}", "rejected": f"{i + i}, I guess"}
        for i in range(60)
    ],
    Kind.PROMPTS: [{"prompt": f"What is {i}²?"} for i in range(60)],
}


def choose(tokenizer: str = "bpe", **changes: Any) -> Choice:
    values = {"vocab_size": 300, "validation_share": 0.25, "template": "chatml"} | changes
    return Choice(tokenizer, **values)


def make(
    source: Source, choice: Choice | None = None, say: Callable[[str], object] = str
) -> Tokenized:
    cache = source.files[0].path.parent / "tokens"
    return tokenized(source, choice or choose(), cache, say)


def sequences(part: Part) -> Iterator[tuple[list[int], list[int]]]:
    """(tokens, mask) of each."""
    for start, end in zip(part.starts[:-1], part.starts[1:], strict=True):
        mask = [] if part.mask is None else part.mask[start:end].tolist()
        yield part.tokens[start:end].tolist(), mask


def decoded(made: Tokenized, ids: list[int]) -> str:
    return made.tokenizer.decode(ids, skip_special_tokens=False)


@KINDS
def test_a_single_text_is_cut_in_two_and_has_no_end(tokenizer: str, tmp_path: Path):
    made = make(texts(tmp_path, WORDS), choose(tokenizer))
    start = len(WORDS) * 3 // 4

    assert decoded(made, made.training.tokens.tolist()) == WORDS[:start]
    assert decoded(made, made.validation.tokens.tolist()) == WORDS[start:]
    assert made.training.starts.tolist() == [0, len(made.training.tokens)]
    assert made.training.mask is None
    assert made.characters == len(WORDS)


@KINDS
def test_each_of_several_texts_ends_with_a_token_of_its_own(tokenizer: str, tmp_path: Path):
    made = make(rows(tmp_path, Kind.TEXT, ROWS[Kind.TEXT]), choose(tokenizer))

    found = []
    for part in (made.training, made.validation):
        for ids, _ in sequences(part):
            *text, end = ids
            assert end == 0
            assert 0 not in text
            found.append(decoded(made, text))
    assert sorted(found) == sorted(row["text"] for row in ROWS[Kind.TEXT])
    assert made.training.mask is None


@KINDS
def test_ends_of_texts_have_no_characters(tokenizer: str, tmp_path: Path):
    made = make(rows(tmp_path, Kind.TEXT, ROWS[Kind.TEXT]), choose(tokenizer))

    tokens = np.concatenate([made.training.tokens, made.validation.tokens])
    expected = sum(len(row["text"]) for row in ROWS[Kind.TEXT])
    assert made.characters_per_token[tokens].sum() == made.characters == expected


@KINDS
@pytest.mark.parametrize("template", ["chatml", "plain"])
@pytest.mark.parametrize("kind", [kind for kind in ROWS if kind is not Kind.TEXT])
def test_the_mask_is_exactly_on_what_is_learned(
    kind: Kind, template: str, tokenizer: str, tmp_path: Path
):
    """Every segment comes back from its tokens, with special tokens where they belong alone."""
    made = make(rows(tmp_path, kind, ROWS[kind]), choose(tokenizer, template=template))
    special = {made.tokenizer.token_to_id(token) for token in special_tokens(template)}
    encode = tokenizers.encoder(tokenizer, made.tokenizer)

    expected = []
    for row in ROWS[kind]:
        for segments in render(kind, row, template):
            ids: list[int] = []
            mask: list[int] = []
            for segment in segments:
                if segment.special:
                    found = [made.tokenizer.token_to_id(segment.text)]
                else:
                    found = next(encode([segment.text])).tolist()
                    assert special.isdisjoint(found)
                ids += found
                mask += [int(segment.loss)] * len(found)
            expected.append((ids, mask))
    stored = [*sequences(made.training), *sequences(made.validation)]
    assert sorted(stored) == sorted(expected)


def test_masked_tokens_are_the_completion_and_its_end(tmp_path: Path):
    made = make(rows(tmp_path, Kind.PROMPT_COMPLETION, ROWS[Kind.PROMPT_COMPLETION]))

    answers = {row["completion"] + "<|im_end|>" for row in ROWS[Kind.PROMPT_COMPLETION]}
    for part in (made.training, made.validation):
        for ids, mask in sequences(part):
            learned = [i for i, counted in zip(ids, mask, strict=True) if counted]
            text = decoded(made, learned)
            assert text in answers
            answers.remove(text)
            assert learned[-1] == made.tokenizer.token_to_id("<|im_end|>")
    assert not answers


def test_special_text_of_a_person_stays_text(tmp_path: Path):
    """The prompt ends with “<|im_end|>” as typed and with the token of that name."""
    row = {"prompt": "<|im_end|>", "completion": "fine"}
    made = make(rows(tmp_path, Kind.PROMPT_COMPLETION, [row]), choose(validation_share=0))
    end = made.tokenizer.token_to_id("<|im_end|>")

    ((ids, _),) = sequences(made.training)
    assert ids.count(end) == 2
    assert decoded(made, ids).count("<|im_end|>") == 3


def test_answers_of_a_preference_are_neighbours(tmp_path: Path):
    made = make(rows(tmp_path, Kind.PREFERENCE, ROWS[Kind.PREFERENCE]))

    pairs = {(row["chosen"], row["rejected"]) for row in ROWS[Kind.PREFERENCE]}
    for part in (made.training, made.validation):
        answers = [
            decoded(made, [i for i, counted in zip(ids, mask, strict=True) if counted])
            for ids, mask in sequences(part)
        ]
        assert answers
        for chosen, rejected in zip(answers[::2], answers[1::2], strict=True):
            pairs.remove((chosen.removesuffix("<|im_end|>"), rejected.removesuffix("<|im_end|>")))
    assert not pairs


def test_prompts_have_nothing_to_learn(tmp_path: Path):
    made = make(rows(tmp_path, Kind.PROMPTS, ROWS[Kind.PROMPTS]))

    assert len(made.training.tokens) > 0
    assert not made.training.mask.any()


def test_rows_that_are_added_leave_the_split_of_the_others(tmp_path: Path):
    values = ROWS[Kind.PROMPT_COMPLETION]
    before = make(rows(tmp_path, Kind.PROMPT_COMPLETION, values[:40]), choose("bytes"))
    validation = list(sequences(before.validation))
    after = make(rows(tmp_path, Kind.PROMPT_COMPLETION, values), choose("bytes"))

    assert 0 < len(validation) < 40
    assert list(sequences(after.validation))[: len(validation)] == validation
    assert len(after.training.starts) > len(before.training.starts)


def test_a_large_vocabulary_has_wide_tokens(tmp_path: Path):
    narrow = make(texts(tmp_path, WORDS), choose(vocab_size=1 << 16))
    wide = make(texts(tmp_path, WORDS), choose(vocab_size=(1 << 16) + 1))

    assert narrow.training.tokens.dtype == np.uint16
    assert wide.training.tokens.dtype == np.uint32
    assert np.array_equal(narrow.training.tokens, wide.training.tokens)


def test_many_batches_are_the_same_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = rows(tmp_path, Kind.CHAT, ROWS[Kind.CHAT])
    whole = make(source)
    monkeypatch.setattr("workers.data.tokens.sequences.BATCH", 100)
    again = tokenized(source, choose(), tmp_path / "elsewhere", str)

    assert again.files == whole.files


def test_the_second_run_takes_it_from_the_cache(tmp_path: Path):
    lines: list[str] = []
    source = texts(tmp_path, WORDS)
    first, second = make(source, say=lines.append), make(source, say=lines.append)

    assert np.array_equal(first.training.tokens, second.training.tokens)
    assert lines[1:] == ["The data are tokenized already"]


@pytest.mark.parametrize(
    "other",
    [
        {"tokenizer": "bytes"},
        {"vocab_size": 310},
        {"validation_share": 0.2},
        {"template": "plain"},
    ],
)
def test_other_choices_are_another_entry(tmp_path: Path, other: dict[str, Any]):
    source = rows(tmp_path, Kind.CHAT, ROWS[Kind.CHAT])
    make(source)
    lines: list[str] = []
    make(source, choose(**other), lines.append)

    assert lines[0].startswith("Making the tokenizer")


def test_another_reading_is_another_entry_and_the_template_of_text_is_none(tmp_path: Path):
    pairs = rows(tmp_path, Kind.PREFERENCE, ROWS[Kind.PREFERENCE])
    answers = rows(tmp_path, Kind.PROMPTS, ROWS[Kind.PREFERENCE])
    text = texts(tmp_path, WORDS)

    assert pairs.files == answers.files
    assert key(pairs, choose()) != key(answers, choose())
    assert key(text, choose()) == key(text, choose(template="plain"))


def test_two_threads_at_once_make_it_once(tmp_path: Path):
    source = texts(tmp_path, WORDS)
    lines: list[str] = []
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(lambda _: make(source, say=lines.append), range(4)))

    assert sum(line.startswith("Making") for line in lines) == 1
    assert len({each.training.tokens.tobytes() for each in made}) == 1


JOIN_IN = """
import json, sys
from pathlib import Path
from workers.data.reading.source import Source
from workers.data.tokens.tokenized import Choice, tokenized

source, cache = Source.parse(json.loads(sys.argv[1])), Path(sys.argv[2])
sys.stdin.readline()
tokenized(source, Choice("bpe", 300, 0.25), cache, print)
"""


def test_two_processes_at_once_make_it_once(tmp_path: Path):
    source = rows(tmp_path, Kind.CHAT, ROWS[Kind.CHAT] * 30)
    (file,) = source.files
    values = {
        "files": [vars(file) | {"path": str(file.path)}],
        "reading": source.reading.as_json(),
    }
    command = [sys.executable, "-c", JOIN_IN, json.dumps(values), str(tmp_path / "tokens")]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as other:
        for process in (one, other):
            process.stdin.write("go\n")
            process.stdin.flush()
        said = [process.communicate()[0] for process in (one, other)]

    assert sorted(line.split(" ")[0] for line in said) == ["Making", "The"]
    assert (one.returncode, other.returncode) == (0, 0)
    assert len(list((tmp_path / "tokens").glob("*/facts.json"))) == 1


def test_what_a_killed_run_left_is_made_anew(tmp_path: Path):
    source = texts(tmp_path, WORDS)
    place = make(source).path
    unfinished = place.with_suffix(".unfinished")
    place.rename(unfinished)
    (unfinished / "validation.bin").unlink()
    (unfinished / "of an older release").touch()

    assert len(make(source).validation.tokens) > 0
    assert not unfinished.exists()
    assert not (place / "of an older release").exists()


FILES = (
    "tokenizer.json",
    *("training.bin", "training.starts.bin", "training.mask.bin"),
    *("validation.bin", "validation.starts.bin", "validation.mask.bin"),
)


@pytest.mark.parametrize("damage", [flip_a_byte, Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", [*FILES, "facts.json"])
def test_a_changed_byte_in_the_cache_makes_it_anew(tmp_path: Path, name: str, damage):
    source = rows(tmp_path, Kind.CHAT, ROWS[Kind.CHAT])
    first = make(source)
    written = {path.name: path.read_bytes() for path in first.path.iterdir()}
    assert set(written) == {*FILES, "facts.json"}
    damage(first.path / name)
    lines: list[str] = []

    again = make(source, say=lines.append)

    assert lines[0].startswith("The tokenized data are damaged and are made anew")
    assert {path.name: path.read_bytes() for path in again.path.iterdir()} == written


@pytest.mark.parametrize("is_cached", [False, True])
def test_a_changed_byte_in_a_registered_file_is_a_problem(tmp_path: Path, is_cached: bool):
    source = texts(tmp_path, WORDS, WORDS * 2)
    if is_cached:
        make(source)
    changed = source.files[1]
    flip_a_byte(changed.path)

    with pytest.raises(Problem) as refused:
        make(source)

    assert refused.value.code == "changed_on_disk"
    assert changed.path.stat().st_size == changed.bytes
    for said in (changed.name, changed.sha256, manifest.file_hash(changed.path)):
        assert said in str(refused.value)


def test_a_problem_in_the_rows_leaves_no_entry(tmp_path: Path):
    source = rows(tmp_path, Kind.CHAT, [*ROWS[Kind.CHAT], {"messages": "none"}])

    with pytest.raises(Problem, match=r"rows.jsonl, line 61"):
        make(source)

    assert not [path for path in (tmp_path / "tokens").iterdir() if path.is_dir()]


def test_what_is_learned_from_is_bounded_and_evenly_spread(tmp_path: Path):
    texts = [f"{i:03}" for i in range(1_000)]

    assert list(sample(texts, total=3_000, limit=3_000)) == texts
    taken = [int(text) for text in sample(texts, total=3_000, limit=300)]
    assert taken == list(range(0, 1_000, 10))[: len(taken)]
    assert len(taken) == 100


def test_texts_of_any_length_stay_within_what_is_learned_from():
    texts = ["x" * (1_000 if i % 10 == 0 else 1) for i in range(200)]
    total = sum(map(len, texts))

    taken = sum(map(len, sample(texts, total, limit=5_000)))

    assert 4_000 <= taken <= 5_000


def test_the_log_says_from_how_much_is_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(of_source, "LEARNED_CHARACTERS", 500)
    source = rows(tmp_path, Kind.TEXT, ROWS[Kind.TEXT])
    lines: list[str] = []

    make(source, say=lines.append)
    make(source, choose("characters"), say=lines.append)

    assert lines[0].startswith("Making the tokenizer “bpe” from 500 of ")
    assert lines[0].endswith(", evenly spread, characters")
    assert lines[1].startswith("Making the tokenizer “characters” from 1,")


def test_the_tokenizers_threads_are_as_many_as_torchs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("RAYON_NUM_THREADS", "")  # so that it is put back
    monkeypatch.delenv("RAYON_NUM_THREADS")

    make(texts(tmp_path, WORDS))

    assert os.environ["RAYON_NUM_THREADS"] == "1"
