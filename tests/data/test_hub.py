from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import datasets
import pytest

from llmhub.lib.problems import Problem
from ops.config import ROOT
from tests.data.made import Phases, json_lines, source, texts, write
from workers.data.reading import hub
from workers.data.reading.source import DataFile, Limits

FETCH = """
import json, sys
from pathlib import Path
from llmhub.lib.problems import Problem
from workers.data.reading.hub import fetch
from workers.data.reading.source import Limits
try:
    fetch(sys.argv[1], None, "train", Path(sys.argv[2]), Limits(), lambda *_: None)
except Problem as problem:
    print(json.dumps(problem.as_json()))
"""


def refusal_of(name: str, endpoint: str, tmp_path: Path) -> dict[str, Any]:
    """From a process of its own: the library reads where the hub is when it is imported."""
    done = subprocess.run(
        [sys.executable, "-c", FETCH, name, str(tmp_path)],
        cwd=ROOT,
        env={"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture
def empty_hub():
    """A server that has no dataset, but one that must be asked for."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_gated = "gated" in self.path
            self.send_response(403 if is_gated else 404)
            self.send_header("X-Error-Code", "GatedRepo" if is_gated else "RepoNotFound")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_without_a_connection_it_says_what_to_do_instead(tmp_path: Path):
    refusal = refusal_of("owner/data", "http://127.0.0.1:9", tmp_path)

    assert refusal["code"] == "hub_unreachable"
    assert "onnect" in refusal["values"]["detail"]


@pytest.mark.parametrize("name", ["owner/data", "owner/gated", "json"])
def test_a_dataset_that_is_not_there_or_not_for_everybody(
    tmp_path: Path, empty_hub: str, name: str
):
    refusal = refusal_of(name, empty_hub, tmp_path)

    assert (refusal["code"], refusal["values"]["name"]) == ("hub_not_found", name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../data",
        "/etc",
        "owner/../x",
        "a/b/c",
        "owner/",
        "-x",
        "https://x/y",
        "ö/x",
        "a b",
        "a\n",
    ],
)
def test_other_names_are_never_looked_up(tmp_path: Path, name: str):
    with pytest.raises(Problem) as caught:
        hub.fetch(name, None, "train", tmp_path, Limits(), Phases())
    assert caught.value.code == "bad_hub_name"


def test_a_folder_of_the_same_name_is_never_taken_for_it(tmp_path: Path, monkeypatch):
    (tmp_path / "owner" / "data").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(Problem) as caught:
        hub.fetch("owner/data", None, "train", tmp_path, Limits(), Phases())
    assert caught.value.code == "bad_hub_name"


def test_its_rows_become_json_lines(tmp_path: Path):
    rows = [{"text": f"é {n}", "meta": {"n": [n]}} for n in range(100)]
    original = write(tmp_path / "original.jsonl", json_lines(rows))
    stream = datasets.load_dataset(
        "json",
        data_files=str(original.path),
        split="train",
        streaming=True,
        cache_dir=str(tmp_path / "cache"),
    )
    target, progress = tmp_path / "a.jsonl.zst", Phases()
    hub.write(stream, "owner/data", target, Limits(), progress)

    copied = DataFile(target.name, target, "", target.stat().st_size)
    assert texts(source(copied)) == [row["text"] for row in rows]
    assert progress.calls[-1] == ("downloading", 100, 0)


@pytest.mark.parametrize("value", [b"bytes", float("nan"), date(2020, 1, 1), "\ud800"])
def test_rows_that_are_no_json_are_named(tmp_path: Path, value):
    rows = [{"text": "a"}, {"text": value}]

    with pytest.raises(Problem) as caught:
        hub.write(rows, "owner/data", tmp_path / "a", Limits(), Phases())
    assert (caught.value.code, caught.value.values["row"]) == ("hub_not_json", 2)


def test_it_never_writes_more_than_is_allowed(tmp_path: Path):
    def endless():
        while True:
            yield {"text": "a" * 100}

    for limits, code in (
        (Limits(rows=10), "too_many_rows"),
        (Limits(expanded_bytes=10_000), "too_large_expanded"),
    ):
        with pytest.raises(Problem) as caught:
            hub.write(endless(), "owner/data", tmp_path / "a", limits, Phases())
        assert caught.value.code == code
