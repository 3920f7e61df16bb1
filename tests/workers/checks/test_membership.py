"""A model that knows its rows by heart gives them away; one that has seen none of them does not."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from llmhub.lib.rows.kinds import Kind
from tests.models.made import as_json, files_of
from tests.models.made import tiny_model as tiny_model
from tests.training.small import data_file
from workers.checks import membership
from workers.data.progress import Progress
from workers.data.reading.source import Reading, Source
from workers.data.tokens.sequences import TRAINING
from workers.models.evaluate.subject import Subject

SHARE = 0.5


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Source:
    """Passages of letters at random: whoever has not read one cannot know it."""
    draw = random.Random(3)
    lines = ["".join(draw.choices("abcdefgh", k=16)) for _ in range(60)]
    path: Path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("".join(f'{{"text": "{line}"}}\n' for line in lines))
    return Source([data_file(path)], Reading("jsonl", Kind.TEXT, {"text": "text"}))


def values_of(model: Path, source: Source, **changes):
    values = {
        "version": {"folder": str(model), "files": files_of(model), "style": "text"},
        "data": [{"name": "rows", "source": as_json(source)}],
        "share": SHARE,
    }
    return values | changes


def measured(tmp_path, values):
    return membership.measured(values, Progress(tmp_path / "progress.json"))


def test_a_model_that_has_read_none_of_them_tells_nothing(tmp_path, tiny_model, source):
    found = measured(tmp_path, values_of(tiny_model, source))

    assert found["trained"] + found["held_out"] == 60
    assert found["trained"] > 20
    assert found["low"] < 0.5 < found["high"]


def test_a_model_that_knows_its_rows_by_heart_gives_them_away(tmp_path, tiny_model, source):
    by_heart = tmp_path / "by-heart"
    learn(tiny_model, by_heart, source)

    found = measured(tmp_path, values_of(by_heart, source))

    assert found["low"] > 0.9
    assert found["losses"]["trained"] < found["losses"]["held_out"]


def learn(model: Path, place: Path, source: Source) -> None:
    subject = Subject.of({"folder": str(model), "files": files_of(model), "style": "text"})
    rows = [
        subject.ids(row)
        for part, row in membership.rows_of(subject, source, SHARE)
        if part == TRAINING
    ]
    tokens = torch.tensor(rows)
    subject.model.train()
    optimizer = torch.optim.AdamW(subject.model.parameters(), lr=1e-3)
    torch.manual_seed(1)
    loss = torch.tensor(torch.inf)
    # A coin for each letter would be log 8 = 2.08.
    while loss > 0.8:
        logits = subject.model(input_ids=tokens).logits[:, :-1]
        loss = cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    subject.model.save_pretrained(place)
    for path in model.iterdir():
        if not (place / path.name).exists():
            (place / path.name).write_bytes(path.read_bytes())


def test_of_many_rows_every_one_may_be_drawn(tiny_model, source, monkeypatch):
    monkeypatch.setattr(membership, "MOST_ROWS", 10)
    subject = Subject.of(
        {"folder": str(tiny_model), "files": files_of(tiny_model), "style": "text"}
    )
    values = values_of(tiny_model, source)
    all_rows = [r for part, r in membership.rows_of(subject, source, SHARE) if part == TRAINING]

    rows = membership.drawn(subject, values)[TRAINING]

    assert len(rows) == 10
    assert rows != all_rows[:10]
    assert all(row in all_rows for row in rows)


def test_the_area_is_that_of_all_pairs():
    trained, held_out = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])
    auc, low, high = membership.area(trained, held_out)
    assert auc == pytest.approx((1 + 1 + 0.5 + 1 + 0 + 1) / 6)
    assert low <= auc <= high


def test_without_rows_on_one_side_nothing_is_told():
    found = membership.figures(np.array([1.0]), np.array([]))
    assert (found["low"], found["high"]) == (0.0, 1.0)
