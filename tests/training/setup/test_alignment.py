"""What an alignment starts from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmhub.lib import metric_names as names
from tests.training import alignment
from tests.training.alignment import Alignments
from workers.training.errors import BadConfig


def give_an_id(places: Alignments, token_id: int) -> None:
    """To a token of the base model's tokenizer that no row has."""
    path = places.base / "tokenizer.json"
    file = json.loads(path.read_text())
    file["model"]["vocab"]["ñ"] = token_id
    path.write_text(json.dumps(file))


def test_a_tokenizer_with_gaps_in_its_ids_is_read(tmp_path: Path):
    """Its highest id is what needs a row of the model, however many tokens there are."""
    places = Alignments(tmp_path)
    give_an_id(places, alignment.MODEL.vocab_size - 1)

    recorder = places.train(alignment.spec("sft", training__max_steps=1), "gaps")

    assert list(recorder.series(names.TRAIN_LOSS.name)) == [1]


def test_an_id_without_a_row_is_refused(tmp_path: Path):
    """Though the model has more rows than there are tokens."""
    places = Alignments(tmp_path)
    give_an_id(places, alignment.MODEL.vocab_size)

    with pytest.raises(BadConfig, match=r"has 301 tokens and its model knows 300"):
        places.train(alignment.spec("sft", training__max_steps=1), "no row")
