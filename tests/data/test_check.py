from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmhub.lib.problems import Problem
from llmhub.lib.rows.columns import recognise, to_row
from llmhub.lib.rows.kinds import Kind
from tests.data.made import Phases, job, json_lines, write
from workers.data.reading.check import check
from workers.data.reading.source import DataFile


def checked(*files: DataFile, **reading: Any) -> dict[str, Any]:
    """As it comes back from the process of the job."""
    found = check(job(*files, reading=reading), Phases())
    return json.loads(json.dumps(found, allow_nan=False))


def refusal_of(*files: DataFile, **reading: Any) -> dict[str, Any]:
    with pytest.raises(Problem) as caught:
        checked(*files, **reading)
    return caught.value.as_json()


def test_rows_of_a_known_kind_are_shown_as_they_are_and_as_they_will_be(tmp_path: Path):
    rows = [{"instruction": f"Add {n}", "input": "", "output": "x"} for n in range(9)]
    file = write(tmp_path / "a.jsonl.gz", gzip.compress(json_lines(rows).encode()))

    assert checked(file) == {
        "format": "jsonl",
        "compression": "gzip",
        "encoding": "utf-8",
        "columns": ["instruction", "input", "output"],
        "kind": "prompt_completion",
        "mapping": {"prompt": "instruction", "completion": "output", "context": "input"},
        "samples": rows[:5],
        "rows": [{"prompt": f"Add {n}", "completion": "x"} for n in range(5)],
    }


def test_a_person_chooses_where_nothing_is_recognised(tmp_path: Path):
    file = write(tmp_path / "a.csv", "q;a\nWhy?;So.\n")
    found = checked(file)
    assert (found["kind"], found["mapping"], found["rows"]) == (None, None, [])
    assert found["samples"] == [{"q": "Why?", "a": "So."}]

    chosen = checked(file, kind="prompt_completion", columns={"prompt": "q", "completion": "a"})
    assert chosen["rows"] == [{"prompt": "Why?", "completion": "So."}]


def test_a_choice_that_does_not_fit_is_explained_beside_the_samples(tmp_path: Path):
    file = write(tmp_path / "a.jsonl", json_lines([{"text": "a", "n": 1}]))

    wrong = checked(file, kind="text", columns={"text": "n"})
    assert wrong["problem"] == {
        "code": "not_text",
        "values": {"file": "a.jsonl", "line": 1, "column": "n", "found": "number"},
    }
    assert (wrong["rows"], wrong["samples"]) == ([], [{"text": "a", "n": 1}])
    incomplete = checked(file, kind="prompt_completion")
    assert incomplete["problem"]["code"] == "not_mapped"


def test_a_bad_row_is_shown_and_can_be_left_out(tmp_path: Path):
    file = write(tmp_path / "a.jsonl", '{"text": "a"}\nnot this\n{"text": "b"}\n')

    found = checked(file)
    assert (found["problem"]["code"], found["problem"]["values"]["line"]) == ("not_json", 2)
    assert found["rows"] == [{"text": "a"}]
    lenient = checked(file, skip_bad=True)
    assert "problem" not in lenient
    assert lenient["rows"] == [{"text": "a"}, {"text": "b"}]


def test_only_the_head_of_a_file_is_read(tmp_path: Path):
    file = tmp_path / "a.jsonl"
    with file.open("wb") as sparse:
        sparse.write(b'{"text": "a"}\n' * 5)
        sparse.truncate(1 << 42)

    assert len(checked(DataFile("a.jsonl", file, "", 0))["rows"]) == 5


def test_plain_text_needs_no_choices(tmp_path: Path):
    found = checked(write(tmp_path / "a.md", "# One\n\ntwo\n"))

    assert (found["format"], found["kind"], found["mapping"]) == ("text", "text", {"text": "text"})
    assert found["rows"] == found["samples"] == [{"text": "# One\n\n"}, {"text": "two\n"}]


def test_an_encoding_can_be_chosen(tmp_path: Path):
    file = write(tmp_path / "a.csv", "text,n\né,1\n".encode("cp1252"))

    assert checked(file)["problem"]["values"]["encoding"] == "cp1252"
    assert checked(file, encoding="cp1252")["rows"] == [{"text": "é"}]


def test_samples_are_short_and_keep_their_shape(tmp_path: Path):
    row = {
        "messages": [{"role": "user", "content": "a" * 9_000}] * 40,
        "large": 10**30,
        "odd\0": "b\0",
        "deep": [[[[[["c"]]]]]],
        "many": list(range(100_000)),
    }
    found = checked(write(tmp_path / "a.jsonl", json_lines([row])))

    assert found["kind"] == "chat"
    (sample,) = found["samples"]
    assert sample["messages"][0] == {"role": "user", "content": "a" * 2_000}
    assert (sample["large"], sample["odd\ufffd"]) == (str(10**30), "b\ufffd")
    assert len(json.dumps(found)) < 300_000
    kind, mapping = recognise(found["columns"], found["samples"])
    assert to_row(kind, mapping, sample) == found["rows"][0]


def test_parquet_cells_of_any_type_can_be_shown(tmp_path: Path):
    table = pa.table({"text": ["a"], "data": [b"\xff"], "when": [pa.scalar(0, pa.date32())]})
    pq.write_table(table.append_column("x", [[float("nan")]]), tmp_path / "a")
    found = checked(write(tmp_path / "a.parquet", (tmp_path / "a").read_bytes()))

    assert found["rows"] == [{"text": "a"}]
    assert found["samples"] == [{"text": "a", "data": "b'\\xff'", "when": "1970-01-01", "x": "nan"}]


@pytest.mark.parametrize(
    ("content", "written_as"),
    [
        (b'\n {"text": "a"}\n', "jsonl"),
        (gzip.compress(b'{"text": "a"}'), "jsonl"),
        (b"{curly}\n", "text"),
        (b"a,b\n", "text"),
    ],
    ids=["JSON", "packed JSON", "braces", "commas"],
)
def test_the_content_decides_where_the_name_does_not(tmp_path: Path, content, written_as: str):
    assert checked(write(tmp_path / "a", content))["format"] == written_as


def test_parquet_is_known_without_a_name(tmp_path: Path):
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "a")

    assert checked(DataFile("../a", tmp_path / "a", "", 0))["format"] == "parquet"


def test_files_of_a_dataset_have_one_format_and_each_is_looked_at(tmp_path: Path):
    good = write(tmp_path / "a.jsonl", '{"text": "a"}')
    other = write(tmp_path / "b.csv", "text\na\n")
    array = write(tmp_path / "c.json", "[]")

    assert refusal_of(good, other) == {
        "code": "mixed_formats",
        "values": {"file": "b.csv", "found": "csv", "expected": "jsonl"},
    }
    assert refusal_of(good, array) == {"code": "json_array", "values": {"file": "c.json"}}
    assert refusal_of()["code"] == "no_files"


def test_what_cannot_be_read_at_all_is_refused(tmp_path: Path):
    text = write(tmp_path / "a.txt", "text")

    assert refusal_of(write(tmp_path / "e.jsonl", "\n\n"))["code"] == "no_rows"
    assert refusal_of(write(tmp_path / "p.txt", b"%PDF-1.7"))["code"] == "binary"
    assert (
        refusal_of(write(tmp_path / "z.gz", gzip.compress(b"x" * 99)[:-9]))["code"] == "truncated"
    )
    assert refusal_of(DataFile("gone", tmp_path / "gone", "", 0)) == {
        "code": "unreadable",
        "values": {"file": "gone", "reason": "No such file or directory"},
    }
    chosen = check(job(text, reading={"kind": Kind.CHAT}), Phases())
    assert chosen["kind"] is Kind.TEXT
