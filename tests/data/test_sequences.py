from __future__ import annotations

import random
from itertools import groupby
from pathlib import Path

from llmhub.lib.rows import split
from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rows.template import END_OF_TEXT
from tests.data.sources import rows, texts
from workers.data.reading.source import Source
from workers.data.tokens import sequences as of_source
from workers.data.tokens.sequences import TRAINING, VALIDATION, Sequences, Stretch
from workers.data.tokens.tokenizer import LONGEST

SHARE = 0.25


def read(source: Source, template: str = "chatml") -> list[Stretch]:
    return list(sequences(source, template).stretches(lambda share: None))


def sequences(source: Source, template: str = "chatml") -> Sequences:
    return Sequences.of(source, SHARE, template, lambda share: None)


def joined(stretches: list[Stretch], part: str) -> list[str]:
    """Each sequence of a part as one string."""
    found: list[str] = []
    for stretch in stretches:
        if stretch.part == part:
            if stretch.begins:
                found.append("")
            found[-1] += stretch.segment.text
    return found


def test_of_a_single_text_the_last_characters_are_for_validation(tmp_path: Path):
    text = "été, une ligne\n" * 20_000
    source = texts(tmp_path, text)
    start = split.validation_start(len(text), SHARE)

    stretches = read(source)

    assert joined(stretches, TRAINING) == [text[:start]]
    assert joined(stretches, VALIDATION) == [text[start:]]
    assert sequences(source).characters == {TRAINING: start, VALIDATION: len(text) - start}


def test_of_several_texts_each_is_in_one_part_and_has_an_end(tmp_path: Path):
    contents = [f"text {i}\n" * (i + 1) for i in range(40)]
    stretches = read(texts(tmp_path, *contents))

    parts = joined(stretches, TRAINING), joined(stretches, VALIDATION)
    assert all(parts)
    assert sorted([*parts[0], *parts[1]]) == sorted(content + END_OF_TEXT for content in contents)


def test_a_row_of_text_is_a_text(tmp_path: Path):
    contents = [f"row {i}" for i in range(40)]
    stretches = read(rows(tmp_path, Kind.TEXT, [{"text": content} for content in contents]))

    validation = [content for content in contents if split.is_validation(content, SHARE)]
    assert 0 < len(validation) < 40
    assert joined(stretches, VALIDATION) == [content + END_OF_TEXT for content in validation]


def test_rows_that_are_added_later_leave_the_others_where_they_are(tmp_path: Path):
    old = [{"prompt": f"question {i}", "completion": f"answer {i}"} for i in range(50)]
    new = [{"prompt": f"added {i}", "completion": "answer"} for i in range(50)]
    before = read(rows(tmp_path, Kind.PROMPT_COMPLETION, old))

    after = read(rows(tmp_path, Kind.PROMPT_COMPLETION, old + new))

    for part in (TRAINING, VALIDATION):
        kept = joined(before, part)
        assert kept
        assert joined(after, part)[: len(kept)] == kept


def test_answers_to_one_prompt_are_in_one_part(tmp_path: Path):
    values = [{"prompt": f"question {i % 20}", "completion": f"{i}"} for i in range(100)]
    stretches = read(rows(tmp_path, Kind.PROMPT_COMPLETION, values), "plain")

    prompts = [
        {sequence.partition("\n")[0] for sequence in joined(stretches, part)}
        for part in (TRAINING, VALIDATION)
    ]
    assert all(prompts)
    assert prompts[0].isdisjoint(prompts[1])


def test_a_long_row_comes_in_parts_of_one_sequence(tmp_path: Path):
    text = "some words " * 20_000
    stretches = read(rows(tmp_path, Kind.TEXT, [{"text": text}]))

    *parts, end = stretches
    assert "".join(stretch.segment.text for stretch in parts) == text
    assert max(len(stretch.segment.text) for stretch in parts) <= LONGEST
    assert [stretch.begins for stretch in stretches] == [True] + [False] * len(parts)
    assert end.segment.special


def test_batches_keep_the_order_of_a_part_and_are_bounded(tmp_path: Path):
    draw = random.Random(1)
    values = [{"text": "x" * draw.choice([1, 10, 30_000]) + str(i)} for i in range(3_000)]
    source = rows(tmp_path, Kind.TEXT, values)

    batches = list(sequences(source).batches(lambda share: None))

    assert len(batches) > 3
    stretches = read(source)
    for part in (TRAINING, VALIDATION):
        in_batches = [s for batch in batches if batch.part == part for s in batch.stretches]
        assert in_batches == [stretch for stretch in stretches if stretch.part == part]
    assert all(
        sum(len(stretch.segment.text) for stretch in batch.stretches) < of_source.BATCH + LONGEST
        for batch in batches
    )


def test_very_short_rows_make_no_larger_batches(tmp_path: Path):
    """An object takes more memory than a character."""
    source = rows(tmp_path, Kind.TEXT, [{"text": "x"}] * 60_000)

    batches = list(sequences(source).batches(lambda share: None))

    assert max(len(batch.stretches) for batch in batches) < 40_000


def test_it_tells_how_much_of_the_source_is_read(tmp_path: Path):
    source = rows(tmp_path, Kind.TEXT, [{"text": f"row {i} " * 5_000} for i in range(100)])
    shares: list[float] = []

    list(Sequences.of(source, SHARE, "chatml", shares.append).stretches(shares.append))

    passes = [list(group) for _, group in groupby(enumerate(shares), lambda at: at[0] // 200)]
    assert len(passes) == 2
    for seen in passes:
        told = [share for _, share in seen]
        assert told == sorted(told)
        assert told[0] < 0.2
        assert 0.9 < told[-1] <= 1
