"""One training on several datasets, each with its share of the tokens."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from llmhub.lib import manifest
from llmhub.lib import metric_names as names
from llmhub.lib.rows.kinds import Kind
from llmhub.recipes.specs import Spec
from tests.training import alignment, small
from tests.training.alignment import Alignments
from tests.training.small import Place, Recorder
from workers.data.reading.source import DataFile, Reading, Source
from workers.training import setup
from workers.training.job import Data, Job
from workers.training.progress import Progress

GREEK = "αβγ δεζ ηθι, κλμ νξο.\n"


@pytest.fixture
def greek(tmp_path: Path) -> Source:
    path = tmp_path / "greek.txt"
    path.write_text(GREEK * 500)
    return Source([small.data_file(path)], Reading("text", Kind.TEXT, {}))


def mixed(place: Place, spec: Spec, greek: Source, resume_from: Path | None = None) -> Job:
    job = place.job(spec, resume_from)
    (words,) = job.data
    other = Data("greek", greek, greek.files[0].sha256, weight=0.25)
    return replace(job, data=[replace(words, weight=0.75), other])


def train(job: Job, place: Place, **of: int) -> Recorder:
    recorder = Recorder(**of)
    setup.trainer(job, place.checkpoints, Progress(), recorder).train()
    return recorder


@pytest.mark.parametrize("tokenizer", ["bpe", "characters", "bytes"])
def test_two_texts_are_read_with_one_tokenizer_and_shown_by_share(
    tokenizer: str, place: Place, greek: Source
):
    """8 windows a step, of which 2 are Greek."""
    recorder = train(mixed(place, small.spec(data__tokenizer=tokenizer), greek), place)

    assert set(recorder.series("data/share/greek").values()) == {0.25}
    assert set(recorder.series("data/share/words").values()) == {0.75}
    losses = recorder.series(names.VAL_LOSS.name)
    assert losses[6] < losses[0]
    text = (place.checkpoints / "step-6" / "tokenizer.json").read_text()
    known = json.loads(text)["model"]["vocab"]
    if tokenizer == "characters":
        assert {"α", "a", "ο"} <= known.keys()
    made = [line for line in recorder.lines if line.startswith("Making the tokenizer")]
    assert made == [f"Making the tokenizer “{tokenizer}” from 2 texts"]


def test_nats_per_character_are_of_the_characters_of_both(place: Place, greek: Source):
    """A byte is 1 token: Greek letters have two of them, and the model that knows nothing needs
    ln 300 nats for each."""
    spec = small.spec(data__tokenizer="bytes")
    alone = place.train(spec).series(names.VAL_NATS_PER_CHAR.name)[0]
    mix = train(mixed(place, spec, greek), place).series(names.VAL_NATS_PER_CHAR.name)[0]

    assert alone == pytest.approx(5.7, abs=0.5)
    assert mix > alone * 1.1


def test_half_and_half_is_the_whole(place: Place, another_place: Place, greek: Source):
    spec = small.spec()
    whole = train(mixed(place, spec, greek), place)

    train(mixed(another_place, spec, greek), another_place, leave_at=4)
    second = train(
        mixed(another_place, spec, greek, another_place.checkpoints / "step-4"), another_place
    )

    for name in (names.TRAIN_LOSS.name, "data/share/greek"):
        expected = whole.series(name)
        assert second.series(name) == {step: expected[step] for step in (5, 6)}
    ends = [where.checkpoints / "step-6" / "model.safetensors" for where in (place, another_place)]
    assert len({manifest.file_hash(path) for path in ends}) == 1


def test_an_alignment_takes_rows_of_two_datasets(tmp_path: Path):
    """Each gives half of the tokens, whatever the lengths of its rows."""
    places = Alignments(tmp_path)
    spec = alignment.spec(
        "sft", training__packing=False, training__max_seq_length=64, training__max_steps=25
    )
    job = places.job(spec)
    (rows,) = job.data
    file = write_rows(tmp_path / "long.jsonl")
    long = Data("long", Source([file], rows.source.reading), file.sha256, weight=0.5)
    recorder = Recorder()
    job = replace(job, data=[replace(rows, weight=0.5), long])

    setup.trainer(job, places.checkpoints("mix"), Progress(), recorder).train()

    shares = recorder.series("data/share/long")
    assert list(shares) == list(range(1, 26))
    assert shares[25] == pytest.approx(0.5, abs=0.02)
    assert recorder.series("data/share/rows")[25] == pytest.approx(1 - shares[25])
    assert any(line.startswith("long, validation:") for line in recorder.lines)


def write_rows(path: Path) -> DataFile:
    rows = ({"prompt": f"say all of these words {i}", "completion": "no"} for i in range(40))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return small.data_file(path)
