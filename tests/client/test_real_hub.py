"""A script's run against the hub itself: what it told is what the hub holds."""

import pytest

from llmhub import client
from llmhub.accounts import tokens
from llmhub.accounts.models import Scope
from llmhub.client import cli
from llmhub.metrics import query
from llmhub.runs.models import Run
from tests.factories import join, make_project, make_user
from tests.serving import serving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hub():
    with serving() as address:
        yield f"http://{address}"


@pytest.fixture
def token():
    project = make_project()
    user = join(make_user(), project).user
    return tokens.create(user, project, "script", [Scope.LAUNCH])[1]


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_a_run_arrives_whole(hub, token, tmp_path, mode):
    (tmp_path / "kept.txt").write_text("kept")
    arguments = {"hub_url": hub, "token": token, "dir": tmp_path / "runs", "mode": mode}
    with client.init(name="n", config={"lr": 1}, tags=["a"], notes="x", **arguments) as run:
        for step in range(3000):
            run.log({"train/loss": 1 / (step + 1)})
        run.log_columns({"step": range(3000, 3100), "val/loss": [2.0] * 100})
        run.summary["best"] = 0.5
        run.tags.append("b")
        run.log_text("hello", "world")
        run.log_file(tmp_path / "kept.txt", name="sub/kept.txt")
    if mode == "offline":
        assert cli.main(["sync", "--hub-url", hub, "--token", token, str(run.dir)]) == 0
    assert run.troubles == {}
    stored = Run.objects.get()
    assert (stored.name, stored.tags, stored.notes) == ("n", ["a", "b"], "x")
    columns = query.points(stored)["columns"]
    assert columns["steps"] == list(range(3100))
    assert stored.samples.get().text == "world"
    assert stored.state == "succeeded"


def test_what_does_not_fit_takes_nothing_else_along(hub, token, tmp_path):
    (tmp_path / "kept.txt").write_text("kept")
    arguments = {"hub_url": hub, "token": token, "dir": tmp_path / "runs"}
    with client.init(name="n", notes="as it was", **arguments) as run:
        run.summary["good"] = 1
        run.summary["bad\0name"] = 2
        run.summary["long"] = "x" * 300_000
        run.tags.append("good")
        run.tags.append("a comma, in it")
        run.tags.append("x" * 41)
        run.notes = "x\0"
        run.log_file(tmp_path / "kept.txt", name="caf\udce9.txt")
        run.log_file(tmp_path / "kept.txt")
        run.summary["after"] = 3
    stored = Run.objects.get()
    assert stored.summary == {"good": 1, "after": 3}
    assert (stored.tags, stored.notes, stored.state) == (["good"], "as it was", "succeeded")
    assert [file.name for file in stored.files.all()] == ["kept.txt"]
    assert {"bad_tag", "bad_notes", "lost_events", "set_aside"} <= run.troubles.keys()


def test_beyond_the_last_name_known_metrics_go_on(hub, token, tmp_path, monkeypatch):
    monkeypatch.setattr("llmhub.client.recorder.MAX_NAMES_OF_RUN", 10)
    with client.init(hub_url=hub, token=token, dir=tmp_path / "runs") as run:
        run.log({"loss": 1.0} | {f"m{number}": 0.0 for number in range(8)})
        run.log({"loss": 2.0, "n1": 0.0, "n2": 0.0})
        run.log_columns({"step": [2, 3], "loss": [3.0, 4.0], "n3": [0.0, 0.0]})
    series = query.points(Run.objects.get())["columns"]["series"]
    assert series["loss"] == [1.0, 2.0, 3.0, 4.0]
    assert series.keys() == {"loss", *(f"m{number}" for number in range(8)), "n1"}
    assert run.troubles == {"too_many_names": 2}
