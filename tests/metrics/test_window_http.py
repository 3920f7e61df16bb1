"""Windows over HTTP: what a plot asks for, in raw columns or in JSON, to those who may see it."""

import msgspec
import numpy as np
import pytest

from llmhub.accounts import tokens
from llmhub.accounts.models import Scope
from llmhub.metrics import fold, ingest
from tests.factories import join, make_attempt, make_project, make_run, make_user

pytestmark = pytest.mark.django_db


def add(attempt, number, first, **series):
    rows = len(next(iter(series.values())))
    steps = list(range(first, first + rows))
    ingest.append(attempt, number, steps, [1000.0 + step % 1000 for step in steps], series)


def ask(client, asked, **query):
    query = {"name": "loss", "runs": ",".join(str(run.pk) for run in asked)} | query
    return client.get("/metrics/window/", query)


def told(answer):
    assert answer["Content-Type"] == "application/msgpack"
    return [
        {name: numbers(name, value) for name, value in run.items()}
        for run in msgspec.msgpack.decode(answer.content)["runs"]
    ]


def numbers(name, value):
    if not isinstance(value, bytes):
        return value
    is_whole = "steps" in name or name in ("count", "not_finite")
    return np.frombuffer(value, "<i8" if is_whole else "<f8").tolist()


def test_few_points_are_sent_as_they_are(viewer, run, attempt):
    add(attempt, 0, 5, loss=[3.0, "NaN", "Infinity", None, 1.0], other=[1.0] * 5)
    [found] = told(ask(viewer, [run]))
    assert str(found.pop("last")) == "[3.0, nan, inf, 1.0]"
    assert found == {
        "run": run.pk,
        "epoch": 0,
        "rev": 1,
        "restarts": [],
        "level": 0,
        "rows": 4,
        "steps": [5, 6, 7, 9],
        "times": [1005.0, 1006.0, 1007.0, 1009.0],
    }


def test_many_points_are_sent_as_buckets_that_keep_extremes(viewer, run, attempt):
    losses: list[float | str] = [1.0] * 9_000
    losses[4_321], losses[5_000], losses[7_000] = 77.0, -5.0, "NaN"
    add(attempt, 0, 0, loss=losses)
    fold.fold(run.pk)
    [found] = told(ask(viewer, [run], px="50"))
    assert found["level"] > 0
    assert 50 <= found["rows"] <= 200
    assert found["max_steps"][np.argmax(found["max"])] == 4_321
    assert found["min_steps"][np.argmin(found["min"])] == 5_000
    assert (sum(found["count"]), sum(found["not_finite"])) == (8_999, 1)
    assert found["steps"][0] == 0
    assert found["last_steps"][-1] == 8_999
    names = {"steps", "last_steps", "times", "min", "min_steps", "max", "max_steps", "last"}
    assert names | {"mean", "count", "not_finite"} < found.keys()


def test_json_says_the_same_and_large_steps_as_text(viewer, run, attempt):
    big = 2**63 - 2
    add(attempt, 0, big, loss=["NaN", 2.0])
    query = {"name": "loss", "runs": str(run.pk)}
    answer = viewer.get("/metrics/window/", query, headers={"accept": "application/json"})
    [found] = answer.json()["runs"]
    assert (found["steps"], found["last"]) == ([str(big), str(big + 1)], ["NaN", 2.0])
    [raw] = told(ask(viewer, [run], **{"from": str(big + 1)}))
    assert raw["steps"] == [big + 1]


def test_a_window_has_the_steps_from_and_to(viewer, run, attempt):
    add(attempt, 0, 0, loss=[float(step) for step in range(100)])
    [found] = told(ask(viewer, [run], **{"from": "10", "to": "12"}))
    assert found["steps"] == [10, 11, 12]


def test_restarts_are_one_curve_and_can_be_shown_apart(viewer, run, attempt):
    add(attempt, 0, 1, loss=[5.0, 4.0, 3.0])
    second, _ = make_attempt(run)
    add(second, 0, 2, loss=[4.5, 3.5])
    [found] = told(ask(viewer, [run]))
    assert (found["steps"], found["last"]) == ([1, 2, 3], [5.0, 4.5, 3.5])
    assert (found["restarts"], found["epoch"]) == ([2], 1)
    apart = told(ask(viewer, [run], attempts="all"))
    assert [(one["attempt"], one["last"]) for one in apart] == [
        (1, [5.0, 4.0, 3.0]),
        (2, [4.5, 3.5]),
    ]


def test_x_is_another_metric_between_its_own_points(viewer, run, attempt):
    add(attempt, 0, 0, loss=[9.0, 8.0, 7.0, 6.0, 5.0], tokens=[None, 100.0, None, 300.0, None])
    [found] = told(ask(viewer, [run], x="tokens"))
    assert str(found["x"]) == "[nan, 100.0, 200.0, 300.0, nan]"
    [zoomed] = told(ask(viewer, [run], x="tokens", **{"from": "2", "to": "3"}))
    assert zoomed["x"] == [200.0, 300.0]


def test_a_run_without_points_has_empty_columns(viewer, run):
    [found] = told(ask(viewer, [run]))
    assert (found["run"], found["rows"], found["steps"], found["last"]) == (run.pk, 0, [], [])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a b"}, "name"),
        ({"x": "a b"}, "x"),
        ({"runs": ""}, "runs"),
        ({"runs": "1,x"}, "runs"),
        ({"runs": ",".join(map(str, range(201)))}, "runs"),
        ({"px": "1000000"}, "px"),
        ({"from": "-1"}, "from"),
        ({"to": "9" * 5000}, "to"),
        ({"attempts": "some"}, "attempts"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(viewer, run, query, field):
    answer = ask(viewer, [run], **query)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_one_run_of_another_project_hides_all(viewer, run):
    elsewhere = make_run(make_project("elsewhere"))
    assert ask(viewer, [run, elsewhere]).status_code == 404
    assert ask(viewer, [elsewhere]).status_code == 404


def test_a_script_reads_with_its_token(client, project, run, attempt):
    add(attempt, 0, 1, loss=[2.0])
    alice = join(make_user(), project).user
    _row, secret = tokens.create(alice, project, "script", [Scope.READ])
    headers = {"authorization": f"Bearer {secret}"}
    query = {"runs": str(run.pk), "name": "loss"}
    answer = client.get("/api/v1/metrics/window/", query, headers=headers)
    assert told(answer)[0]["last"] == [2.0]
    elsewhere = {"runs": str(make_run(make_project("elsewhere")).pk), "name": "loss"}
    answer = client.get("/api/v1/metrics/window/", elsewhere, headers=headers)
    assert answer.status_code == 404


def test_runs_cost_the_same_statements_however_many(viewer, project, django_assert_num_queries):
    runs = [make_run(project) for _ in range(4)]
    for run in runs:
        add(make_attempt(run)[0], 0, 0, loss=[1.0] * 9_000)
        fold.fold(run.pk)
    ask(viewer, runs)
    for asked in (runs[:1], runs):
        # Session, person, project, right; then streams, batches, levels, blocks.
        with django_assert_num_queries(8):
            ask(viewer, asked, px="100")
