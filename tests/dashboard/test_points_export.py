"""The points of runs as files: every one of them, and no formula among them."""

import csv
import io
import math

import numpy as np
import pytest
from django.urls import reverse
from pyarrow import parquet

from llmhub.dashboard import points_export
from llmhub.metrics import ingest
from llmhub.metrics.stored import LAST
from tests.factories import make_attempt, make_project, make_run

pytestmark = pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume")

AT = 1_700_000_000.5


def log(run, values, name="train/loss", first=1):
    attempt, _ = make_attempt(run)
    steps = list(range(first, first + len(values)))
    ingest.append(attempt, 1, steps, [AT + step for step in steps], {name: values})


def get(client, kind, runs, **query):
    said = {"runs": ",".join(str(run.pk) for run in runs), "name": ["train/loss"]} | query
    return client.get(reverse(f"points_{kind}"), said)


def content(response):
    return b"".join(response)


def rows_of(response):
    return list(csv.reader(io.StringIO(content(response).decode())))


@pytest.fixture
def run(atlas):
    return make_run(atlas, name="plain")


def test_every_point_is_a_row_of_the_table(client, run):
    log(run, [0.1, "NaN", "-Infinity", -3.0])
    response = get(client, "csv", [run])
    head, *rows = rows_of(response)
    assert head == ["run_id", "run", "metric", "step", "time", "value"]
    assert rows[0] == [
        str(run.pk), "plain", "train/loss", "1", "2023-11-14T22:13:21.500000+00:00", "0.1"
    ]  # fmt: skip
    assert [row[5] for row in rows] == ["0.1", "nan", "-inf", "-3.0"]
    assert "attachment" in response["Content-Disposition"]


@pytest.mark.parametrize("name", ["=1+1", "+x", "-x", "@x", "\tx"])
def test_a_name_is_no_formula_and_a_number_stays_one(client, atlas, name):
    run = make_run(atlas, name=name)
    log(run, [-1.5])
    _, row = rows_of(get(client, "csv", [run]))
    assert (row[1], row[5]) == (f"'{name}", "-1.5")


def test_a_window_and_several_metrics_and_runs(client, atlas, run):
    other = make_run(atlas, name="other")
    log(run, [1.0, 2.0, 3.0])
    log(other, [4.0, 5.0, 6.0], name="lr")
    response = get(client, "csv", [run, other], name=["train/loss", "lr"], **{"from": 2, "to": 3})
    _, *rows = rows_of(response)
    assert [(row[1], row[3], row[5]) for row in rows] == [
        ("plain", "2", "2.0"), ("plain", "3", "3.0"), ("other", "2", "5.0"), ("other", "3", "6.0")
    ]  # fmt: skip


def test_long_curves_come_in_pieces_and_whole(run, monkeypatch):
    monkeypatch.setattr(points_export, "PIECE", 3_000)
    values = np.random.default_rng(1).normal(size=9_000).tolist()
    log(run, values)
    found = list(points_export.pieces([run], ["train/loss"], 0, LAST))
    assert len(found) > 2
    assert np.concatenate([piece.steps for piece in found]).tolist() == list(range(1, 9_001))
    assert np.concatenate([piece.values for piece in found]).tolist() == values


def test_parquet_holds_the_same_with_its_types(client, run):
    log(run, [0.1, "NaN"])
    table = parquet.read_table(io.BytesIO(content(get(client, "parquet", [run]))))
    assert table.column("step").to_pylist() == [1, 2]
    assert table.column("run").to_pylist() == ["plain", "plain"]
    first, second = table.column("value").to_pylist()
    assert first == 0.1
    assert math.isnan(second)
    assert table.column("time").to_pylist()[0].isoformat() == "2023-11-14T22:13:21.500000+00:00"


def test_what_is_not_asked_for_soundly_is_refused(client, run):
    hidden = make_run(make_project("borealis"))
    assert get(client, "csv", [run, hidden]).status_code == 404
    assert get(client, "csv", []).status_code == 400
    assert get(client, "csv", [run], name=["a b"]).status_code == 400
