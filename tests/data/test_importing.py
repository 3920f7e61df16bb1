from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from llmhub.lib.problems import Problem
from tests.data.made import Phases, job, json_lines, write
from workers.data.reading.importing import import_files
from workers.data.reading.source import DataFile

TEXT = {"format": "text", "kind": "text", "columns": {}}
JSON = {"format": "jsonl", "kind": "text", "columns": {"text": "text"}}


def imported(*files: DataFile, reading: dict[str, Any], **values: Any) -> dict[str, Any]:
    found = import_files(job(*files, reading=reading, **values), Phases())
    return json.loads(json.dumps(found, allow_nan=False))


def refusal_of(*files: DataFile, reading: dict[str, Any], **values: Any) -> dict[str, Any]:
    with pytest.raises(Problem) as caught:
        imported(*files, reading=reading, **values)
    return caught.value.as_json()


def test_the_facts_of_text_files(tmp_path: Path):
    files = [write(tmp_path / "a.txt", "Où ?\n\nIci.\n"), write(tmp_path / "b.txt", "Là.")]

    assert imported(*files, reading=TEXT) == {
        "files": [
            {"name": file.name, "sha256": file.sha256, "bytes": file.bytes} for file in files
        ],
        "rows": 3,
        "characters": 14,
        "bytes": 16,
        "documents": 2,
        "lines": 4,
        "skipped": 0,
        "skipped_examples": [],
        "sample": [{"text": "Où ?\n\n"}, {"text": "Ici.\n"}, {"text": "Là."}],
    }


@pytest.mark.parametrize(
    ("text", "lines"), [("a", 1), ("a\n", 1), ("a\nb", 2), ("a\n\n\nb", 4), ("a" * 200_000, 1)]
)
def test_a_last_line_counts_without_its_line_feed(tmp_path: Path, text: str, lines: int):
    assert imported(write(tmp_path / "a", text), reading=TEXT)["lines"] == lines


def test_the_facts_of_rows(tmp_path: Path):
    rows = [{"q": "Why?\n", "a": "So\nthere"}, {"q": "How?", "a": ""}]
    file = write(tmp_path / "a.jsonl.gz", gzip.compress(json_lines(rows).encode()))
    mapping = {"prompt": "q", "completion": "a"}
    reading = {"format": "jsonl", "kind": "prompt_completion", "columns": mapping}
    found = imported(file, reading=reading)

    assert found["files"] == [{"name": file.name, "sha256": file.sha256, "bytes": file.bytes}]
    assert (found["rows"], found["documents"]) == (2, 2)
    assert (found["characters"], found["lines"]) == (17, 4)
    assert found["sample"][1] == {"prompt": "How?", "completion": ""}


def test_the_sample_has_the_first_rows_and_some_from_anywhere(tmp_path: Path):
    file = write(
        tmp_path / "a", json_lines({"text": f"{n:04}" + "x" * 3_000} for n in range(1_000))
    )
    found = imported(file, reading=JSON)
    numbers = [int(row["text"][:4]) for row in found["sample"]]

    assert numbers[:4] == [0, 1, 2, 3]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 8
    assert numbers[-1] - numbers[4] > 100
    assert {len(row["text"]) for row in found["sample"]} == {2_000}
    assert imported(file, reading=JSON) == found


def test_bad_rows_are_counted_and_some_are_shown(tmp_path: Path):
    lines = ['{"text": "a"}', "bad"] * 20
    file = write(tmp_path / "a.jsonl", "\n".join(lines))
    found = imported(file, reading=JSON | {"skip_bad": True})

    assert (found["rows"], found["skipped"]) == (20, 20)
    assert [problem["values"]["line"] for problem in found["skipped_examples"]] == [2, 4, 6, 8, 10]
    assert refusal_of(file, reading=JSON)["values"]["line"] == 2


def test_limits_are_kept(tmp_path: Path):
    file = write(tmp_path / "a.jsonl", '{"text": "a"}\n' * 3)

    assert refusal_of(file, reading=JSON, limits={"rows": 2})["code"] == "too_many_rows"
    assert refusal_of(file, reading=JSON, limits={"row_bytes": 9})["code"] == "row_too_long"


def test_files_have_to_be_there(tmp_path: Path):
    gone = DataFile("a.txt", tmp_path / "gone", "", 0)

    assert refusal_of(reading=TEXT)["code"] == "no_files"
    assert refusal_of(gone, reading=TEXT) == {
        "code": "unreadable",
        "values": {"file": "a.txt", "reason": "No such file or directory"},
    }


def test_progress_goes_from_nothing_to_all(tmp_path: Path):
    file = write(tmp_path / "a.jsonl", json_lines({"text": "a" * 900} for _ in range(3_000)))
    progress = Phases()
    import_files(job(file, reading=JSON), progress)
    shares = [done / total for _, done, total in progress.calls]

    assert {phase for phase, *_ in progress.calls} == {"reading"}
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert shares[-1] == 1.0
