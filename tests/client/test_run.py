"""A script's run from `init` to its receipt, against a hub that keeps what it is told."""

import json
import math
import os
import signal
import subprocess
import sys
import threading
from array import array

import numpy as np
import pytest

from llmhub import client
from llmhub.client import cli, delivery
from llmhub.client.folder import Folder
from tests.client.external_hub import ExternalHub


@pytest.fixture
def hub():
    with ExternalHub() as hub:
        yield hub


@pytest.fixture
def begin(hub, tmp_path, monkeypatch):
    for name in ("LLMHUB_URL", "LLMHUB_TOKEN", "LLMHUB_MODE", "LLMHUB_DIR", "RANK"):
        monkeypatch.delenv(name, raising=False)
    runs = []

    def begin(**arguments):
        given = {"hub_url": hub.url, "token": "api", "dir": tmp_path} | arguments
        runs.append(client.init(**given))
        return runs[-1]

    yield begin
    for run in runs:
        run.finish(timeout=0)


def test_a_run_tells_the_hub_everything_and_gives_a_receipt(begin, hub, tmp_path, capfd):
    (tmp_path / "notes.txt").write_text("kept")
    with begin(name="first", config={"lr": 1e-3, "path": tmp_path}, tags=["a"], notes="why") as run:
        run.log({"train": {"loss": 2.5}, "lr": 0.1})
        run.log({"train": {"loss": 2.0}, "lr": 0.1})
        run.log({"val/loss": 3.0}, step=7)
        run.summary["best"] = np.float32(0.5)
        run.summary.update(worst=math.inf)
        run.tags.append("b")
        run.notes = "because"
        run.log_text("greeting", "hello", step=7)
        run.log_file(tmp_path / "notes.txt", name="sub/notes.txt")
        (tmp_path / "notes.txt").write_text("overwritten")
    [wish] = hub.runs.values()
    assert (wish["name"], wish["tags"], wish["notes"]) == ("first", ["a"], "why")
    assert wish["config"] == {"lr": 1e-3, "path": str(tmp_path)}
    assert hub.rows() == [
        (0, {"train/loss": 2.5, "lr": 0.1}),
        (1, {"train/loss": 2.0, "lr": 0.1}),
        (7, {"val/loss": 3.0}),
    ]
    assert hub.summary() == {"best": 0.5, "worst": "inf"}
    assert [u["tags"] for u in hub.updates if "tags" in u] == [["a", "b"]]
    assert [u["notes"] for u in hub.updates if "notes" in u] == ["because"]
    sample = {"step": 7, "index": 0, "prompt": "greeting", "text": "hello", "decoding": ""}
    assert hub.samples == [sample]
    assert hub.files == {"sub/notes.txt": b"kept"}
    receipt = run.finish()
    assert (receipt.logged, receipt.sent, receipt.acknowledged, receipt.refused) == (5, 5, 5, 0)
    assert (receipt.url, receipt.troubles) == (f"{hub.url}/runs/1/", {})
    assert hub.finishes[0]["status"] == "succeeded"
    assert hub.finishes[0]["receipt"]["acknowledged"] == 5
    said = capfd.readouterr().err
    assert said == f"llmhub: 5 points logged, 5 sent, 5 acknowledged, 0 refused. {receipt.url}\n"


def test_an_exception_marks_the_run_failed_and_goes_on(begin, hub):
    run = begin()
    run.log({"a": 1})
    with pytest.raises(ZeroDivisionError), run:
        raise ZeroDivisionError
    assert [said["status"] for said in hub.finishes] == ["failed"]
    assert hub.rows() == [(0, {"a": 1.0})]


@pytest.mark.parametrize(
    "arguments",
    [
        {"token": ""},
        {"hub_url": ""},
        {"hub_url": "hub.example"},
        {"mode": "sometimes"},
        {"resume": "perhaps"},
        {"resume": "must"},
        {"name": 7},
        {"tags": "one"},
        {"config": [1]},
    ],
)
def test_wrong_arguments_are_told_before_the_training(begin, hub, arguments):
    with pytest.raises((ValueError, TypeError)):
        begin(**arguments)
    assert hub.runs == {}


def test_a_refusal_of_the_hub_is_told_at_once_and_leaves_nothing_to_sync(begin, hub, tmp_path):
    hub.refuse = lambda path: (401, {"detail": "no such token"})
    with pytest.raises(ValueError, match="no such token"):
        begin()
    assert cli._unsent(tmp_path) == []


def test_a_hub_that_is_away_is_told_later(begin, hub):
    down = threading.Event()
    hub.refuse = lambda path: None if down.is_set() else (503, {})
    run = begin()
    run.log({"a": 1})
    run.summary["b"] = 2
    assert run.id is None
    down.set()
    hub.wait_for(lambda: hub.points)
    assert run.finish().is_complete
    assert run.id == 1
    assert hub.summary() == {"b": 2}


def test_a_message_that_the_hub_did_not_take_is_repeated_without_a_call(begin, hub):
    bad = iter([(503, {})])
    hub.refuse = lambda path: (
        next(bad, None) if "external/" in path and "beat" not in path else None
    )
    run = begin()
    run.summary["a"] = 1
    hub.wait_for(hub.summary)
    assert run.troubles == {"retries": 1}


def test_nothing_raises_into_the_training(begin, hub, tmp_path):
    run = begin()
    run.log(None)
    run.log({"a": "x"}, step="y")
    run.log_columns(None)
    run.log_columns({"step": [1], "a": [1, 2]})
    run.log_file(tmp_path / "missing")
    run.log_text("a", "b", step=-1)
    run.tags = None
    run.summary["odd"] = object()
    run.summary["bad\ud800"] = {1: {2: b"\xff"}}
    del run.summary["never there"]
    assert run.finish().logged == 0
    run.log({"a": 1})
    run.summary["late"] = 1
    assert "after_close" in run.troubles
    assert run.finish().logged == 0


def test_columns_of_any_kind_arrive_as_they_are(begin, hub):
    run = begin()
    run.log_columns({"step": range(3), "a": [1, 2, 3], "b": np.array([1, 2, 3], np.float32)})
    run.log_columns({"a": array("d", [4.0]), "b": (value for value in [math.inf])}, times=[5.0])
    run.log_columns({"step": np.array([10, 11]), "a": [None, 7.0], "b": [8, None]})
    run.log_columns({"a": np.array([True])})
    assert run.step == 13
    assert run.finish().is_complete
    assert hub.rows() == [
        (0, {"a": 1.0, "b": 1.0}),
        (1, {"a": 2.0, "b": 2.0}),
        (2, {"a": 3.0, "b": 3.0}),
        (3, {"a": 4.0, "b": math.inf}),
        (10, {"b": 8.0}),
        (11, {"a": 7.0}),
        (12, {"a": 1.0}),
    ]
    assert run.troubles == {}
    assert 5.0 in [at for body in hub.points.values() for at in body["times"]]


def test_many_columns_are_split_to_what_the_hub_takes(begin, hub):
    run = begin()
    rows = 120_000
    run.log_columns({"step": np.arange(rows), "a": np.arange(rows) / 2, "b": np.arange(rows)})
    run.log_columns({"step": [rows], **{f"m/{number}": [1] for number in range(1200)}})
    assert run.finish().is_complete
    bodies = [body for _, body in sorted(hub.points.items())]
    assert max(len(body["series"]) for body in bodies) <= 500
    values = [
        value for body in bodies for value in body["series"].get("a", []) if value is not None
    ]
    assert values == [step / 2 for step in range(rows)]


def test_offline_sends_nothing_until_it_is_synced_and_all_counts_once(begin, hub, tmp_path, capsys):
    run = begin(mode="offline", hub_url="", token="")
    for step in range(3000):
        run.log({"a": step, "b": 1}, step=step)
    run.log_text("t", "hello")
    run.finish()
    assert hub.runs == {}
    # What comes after the points is not taken at first.
    hub.refuse = lambda path: (503, {}) if "samples" in path else None
    arguments = ["sync", "--hub-url", hub.url, "--token", "api", str(run.dir)]
    assert cli.main(arguments) == 1
    hub.refuse = lambda path: None
    assert cli.main(arguments) == 0
    assert cli.main(arguments) == 0
    assert [step for step, _ in hub.rows()] == list(range(3000))
    assert len(hub.runs) == len(hub.samples) == len(hub.finishes) == 1
    assert "6,000 points logged, 6,000 sent, 6,000 acknowledged" in capsys.readouterr().out
    assert cli._unsent(tmp_path) == []


SCRIPT = """
import os, sys, time
from llmhub import client
run = client.init(mode=os.environ.get("MODE"), capture_console=True)
print("hello from the script")
for step in range(100):
    run.log({"a": step})
    run.summary["last"] = step
print("ready", file=sys.__stdout__, flush=True)
"""


def script(hub, folder, more, **environment):
    environment = {**os.environ, "LLMHUB_URL": hub.url, "LLMHUB_TOKEN": "api"} | environment
    command = [sys.executable, "-c", SCRIPT + more]
    environment["LLMHUB_DIR"] = str(folder)
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_a_script_that_ends_without_a_word_is_finished_for_it(hub, tmp_path):
    with script(hub, tmp_path, "") as done:
        done.communicate()
    assert [said["status"] for said in hub.finishes] == ["succeeded"]
    assert len(hub.rows()) == 100
    assert hub.console == "hello from the script\n"


def test_a_script_that_an_exception_ends_has_failed(hub, tmp_path):
    with script(hub, tmp_path, "1 / 0", PYTHONTRACEBACK="0") as done:
        done.communicate()
    assert [said["status"] for said in hub.finishes] == ["failed"]


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_what_a_killed_script_left_is_synced(hub, tmp_path, mode):
    with script(hub, tmp_path, "time.sleep(60)", MODE=mode) as trainer:
        while trainer.stdout.readline() != "ready\n":
            pass
        trainer.send_signal(signal.SIGKILL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLMHUB_DIR", str(tmp_path))
        arguments = ["sync", "--hub-url", hub.url, "--token", "api"]
        assert cli.main(arguments) == 0
        assert cli.main(arguments) == 0
    assert hub.rows() == [(step, {"a": float(step)}) for step in range(100)]
    assert hub.summary() == {"last": 99}
    assert [said["status"] for said in hub.finishes] == ["failed"]
    assert len(hub.runs) == 1


def test_a_run_that_is_alive_is_left_alone(begin, hub, in_another_process, tmp_path):
    run = begin()
    told = in_another_process(
        f"from llmhub.client.cli import main; main(['sync', {str(run.dir)!r}])"
    )
    assert "still running" in told


def test_a_run_is_resumed_by_its_id_or_as_the_last_of_its_name(begin, hub, tmp_path):
    first = begin(name="x")
    first.log({"a": 1})
    first.finish()
    hub.resumed_step = 41
    second = begin(name="x", resume="allow")
    third = begin(name="y", resume="allow")
    fourth = begin(resume=9)
    assert [wish["resume"] for wish in hub.runs.values()] == [None, first.id, None, 9]
    assert (first.id, second.id, fourth.id) == (1, 1, 9)
    second.log({"a": 1})
    second.finish()
    assert [step for step, _ in hub.rows()] == [0, 42]
    assert third.dir not in (first.dir, second.dir)


def test_a_forked_child_logs_nothing_and_ends_at_once(begin, hub):
    run = begin()
    run.log({"a": 1})
    child = os.fork()
    if child == 0:
        code = 1
        try:
            run.log({"a": 2})
            run.summary["child"] = 1
            run.finish()
            code = 0 if run.troubles.get("after_fork") else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    run.log({"a": 3})
    assert run.finish().is_complete
    assert [values["a"] for _, values in hub.rows()] == [1.0, 3.0]
    assert hub.summary() == {}
    assert len(hub.finishes) == 1


def test_a_fork_while_others_log_does_no_harm(begin, hub):
    run = begin()
    stop = threading.Event()

    def work():
        while not stop.is_set():
            run.log({"a": 1})

    thread = threading.Thread(target=work)
    thread.start()
    for _ in range(20):
        child = os.fork()
        if child == 0:
            run.log({"a": 2})
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    stop.set()
    thread.join()
    assert run.finish().is_complete
    assert {values["a"] for _, values in hub.rows()} == {1.0}


def test_only_the_first_process_of_a_training_logs(begin, hub, monkeypatch, tmp_path):
    monkeypatch.setenv("RANK", "1")
    with begin() as run:
        run.log({"a": 1})
        run.log_columns({"a": [1]})
        run.log_text("a", "b")
        run.summary["a"] = 1
        assert not run.should_stop()
    assert hub.runs == {}
    assert list(tmp_path.iterdir()) == []
    begin(mode="online")
    assert len(hub.runs) == 1


def test_a_script_hears_that_it_should_stop(begin, hub, monkeypatch):
    monkeypatch.setattr(delivery, "BEAT_SECONDS", 0.01)
    run = begin()
    hub.wait_for(lambda: hub.beats > 2)
    assert not run.should_stop()
    hub.want = "stop"
    hub.wait_for(run.should_stop)


def test_the_token_of_a_run_is_for_its_owner_alone_and_the_persons_token_is_not_kept(begin):
    run = begin(token="api-secret")
    path = run.dir / "run.json"
    assert path.stat().st_mode & 0o077 == 0
    assert "api-secret" not in path.read_text()
    assert Folder(run.dir).begun.token == json.loads(path.read_text())["begun"]["token"]
