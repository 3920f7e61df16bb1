from __future__ import annotations

import csv
import gzip
import json
import random
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmhub.lib.problems import Problem
from llmhub.lib.rows.kinds import Kind
from tests.data.made import PACKERS, json_lines, source, texts, write
from workers.data.reading import read, text
from workers.data.reading.source import DataFile, Limits, Reading, Source

MIB = 1 << 20


def problem_of(source: Source) -> dict[str, Any]:
    with pytest.raises(Problem) as caught:
        texts(source)
    return caught.value.as_json()


def peak_of(action: Callable[[], object]) -> int:
    """Bytes of Python objects at most while the action goes on."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def chunked(data: bytes, sizes: list[int]) -> list[bytes]:
    """The data in pieces of these sizes, the last one with the rest."""
    chunks = []
    for size in sizes:
        chunks.append(data[:size])
        data = data[size:]
    return [*chunks, data]


# Text

characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
documents = st.lists(
    st.sampled_from(["\n", "\r\n", "\n\n", "  \n", "word", "é", "😀"]) | st.text(characters),
    min_size=1,
).map("".join)
sizes = st.lists(st.integers(0, 9), max_size=20)


@given(documents, sizes)
@example("\n\n\r\n\n a\r\n\r\nb", [1, 1, 1, 1, 1, 1, 1, 1])
def test_the_parts_of_a_text_are_the_text_wherever_its_bytes_were_cut(document, sizes):
    for cut in (text.passages, text.pieces):
        whole = list(cut(chunked((document + "x").encode(), []), "utf-8"))
        assert "".join(whole) == document + "x"
        assert list(cut(chunked((document + "x").encode(), sizes), "utf-8")) == whole


@given(st.lists(st.sampled_from(["\n", "a" * 50_000, "b\n" * 20_000, "c" * 70_000]), min_size=1))
def test_no_part_is_longer_than_it_may_be_and_long_ones_end_with_a_line(parts):
    document = "".join([*parts, "x"])
    for cut in (text.passages, text.pieces):
        found = list(cut(chunked(document.encode(), [40_000] * 3), "utf-8"))
        assert "".join(found) == document
        assert max(map(len, found)) <= text.LONGEST
        for part in found[:-1]:
            assert part.endswith("\n") or "\n" not in part or len(part) < text.LONGEST


def test_a_passage_ends_after_blank_lines(tmp_path: Path):
    file = write(tmp_path / "a.txt", "one\ntwo\n\n\n three\r\n\r\nfour\n")

    assert texts(source(file, format="text")) == ["one\ntwo\n\n\n", " three\r\n\r\n", "four\n"]
    assert list(source(file, format="text").pieces()) == [(0, "one\ntwo\n\n\n three\r\n\r\nfour\n")]


def test_each_text_file_is_a_document(tmp_path: Path):
    files = [write(tmp_path / f"{name}.txt", f"{name}\n\nb") for name in "ab"]
    both = source(*files, format="text")

    assert [(item.number, item.document, item.row["text"]) for item in both.rows()] == [
        *((0, 0, "a\n\n"), (1, 0, "b")),
        *((2, 1, "b\n\n"), (3, 1, "b")),
    ]
    assert list(both.pieces()) == [(0, "a\n\nb"), (1, "b\n\nb")]
    assert (both.is_single_document, source(files[0], format="text").is_single_document) == (
        False,
        True,
    )


def test_a_text_without_any_line_break_needs_no_more_memory_than_others(tmp_path: Path):
    file = write(tmp_path / "a.txt", "é" * (64 * MIB // 2))
    found = 0

    def count() -> None:
        nonlocal found
        for _, piece in source(file, format="text").pieces():
            found += len(piece)

    assert peak_of(count) < 8 * MIB
    assert found == 32 * MIB


LATIN = "Où êtes-vous ? À la forêt, bien sûr.\n".encode("cp1252")


def test_text_in_another_encoding_is_found_and_can_be_chosen(tmp_path: Path):
    file = write(tmp_path / "a.txt", b"one\ntwo\n" + LATIN)

    assert problem_of(source(file, format="text")) == {
        "code": "not_utf8",
        "values": {
            "file": "a.txt",
            "line": 3,
            "byte": 2,
            "found": "0xF9",
            "encoding": "cp1252",
        },
    }
    assert "".join(texts(source(file, format="text", encoding="cp1252"))).endswith("bien sûr.\n")


def test_broken_utf8_is_not_taken_for_another_encoding(tmp_path: Path):
    file = write(tmp_path / "a.txt", "naïve".encode() + b"\n\xff\x81\xfe")
    assert problem_of(source(file, format="text"))["values"]["encoding"] == ""
    cut_off = write(tmp_path / "b.txt", "naïve".encode()[:3])
    assert problem_of(source(cut_off, format="text"))["values"]["byte"] == 3
    undefined = source(file, format="text", encoding="cp1252")
    assert problem_of(undefined)["code"] == "not_cp1252"


def test_a_wrong_byte_far_into_a_text_is_found_in_its_line(tmp_path: Path):
    file = write(tmp_path / "a.txt", b"line\n" * 100_000 + b"ab\xffc")

    values = problem_of(source(file, format="text"))["values"]
    assert (values["line"], values["byte"]) == (100_001, 3)


def test_nul_is_found_in_its_line(tmp_path: Path):
    file = write(tmp_path / "a.txt", b"line\n" * 100_000 + b"ab\0c")

    assert problem_of(source(file, format="text")) == {
        "code": "binary",
        "values": {"file": "a.txt", "line": 100_001, "found": "NUL"},
    }


@pytest.mark.parametrize("content", ["", "\n \r\n\n", "\ufeff"])
@pytest.mark.parametrize("written_as", ["text", "jsonl"])
def test_a_file_without_rows_is_named(tmp_path: Path, written_as: str, content: str):
    files = [write(tmp_path / "a", '{"text": "a"}'), write(tmp_path / "b", content)]

    expected = {"code": "no_rows", "values": {"file": "b"}}
    assert problem_of(source(*files, format=written_as)) == expected
    with pytest.raises(Problem, match=r"^b: The file has no rows"):
        list(source(*files, format=written_as).pieces())


# JSON lines


def test_json_lines_are_rows(tmp_path: Path):
    file = write(tmp_path / "a.jsonl", '{"text": "a\\n😀", "n": 1}\r\n\n  \n{"text": ""}')

    assert texts(source(file)) == ["a\n😀", ""]
    assert list(source(file).pieces()) == [(0, "a\n😀"), (1, "")]


BAD_LINES = [
    (b'{"text": "a"', "not_json"),
    (b'{"text": "a"} x', "not_json"),
    (b'{"text": NaN}', "not_json"),
    (b'{"text": 1e999}', "not_json"),
    (b"[1]", "not_object"),
    (b'"text"', "not_object"),
    (b"null", "not_object"),
    (b'{"text": ' + b"[" * 100_000, "too_deep"),
    (b'{"a": ' * 100_000, "too_deep"),
    (b'{"text": "a", "deep": ' + b"[" * 200 + b"]" * 200 + b"}", "too_deep"),
    (b'{"text": "\\ud800"}', "lone_surrogate"),
    (b'{"text": "a\\u0000"}', "nul_character"),
    (b'{"text": "a\0"}', "binary"),
    (b'{"text": "\xe9t\xe9"}', "not_utf8"),
    (b'{"text": 5}', "not_text"),
    (b'{"other": "a"}', "missing_column"),
    (b'{"text": "' + b"a" * 300_000 + b'"}', "row_too_long"),
]


@pytest.mark.parametrize(("line", "code"), BAD_LINES)
def test_one_bad_line_among_thousands_is_named_or_left_out(tmp_path: Path, line: bytes, code: str):
    lines = [b'{"text": "%d"}' % number for number in range(2_000)]
    lines[999] = line
    file = write(tmp_path / "a.jsonl", b"\n".join(lines))
    limits = Limits(row_bytes=200_000) if code == "row_too_long" else Limits(row_bytes=1_000_000)

    found = problem_of(source(file, limits=limits))
    assert (found["code"], found["values"]["line"]) == (code, 1_000)
    lenient = source(file, limits=limits, skip_bad=True)
    first, second = list(lenient.rows()), list(lenient.rows())
    assert first == second
    assert [item.row["text"] for item in first] == [str(n) for n in range(2_000) if n != 999]
    assert [item.number for item in first] == list(range(1_999))
    assert lenient.meter.skipped == 1
    assert [problem.as_json() for problem in lenient.meter.examples] == [found]


def test_odd_but_valid_json_is_read_as_python_reads_it(tmp_path: Path):
    digits = "9" * 400
    line = f'{{"text": "a", "text": "b", "n": {digits}, "deep": {"[" * 199}{"]" * 199}}}'
    file = write(tmp_path / "a.jsonl", line)

    ((_, raw),) = read.raw_rows(file, Reading("jsonl", Kind.TEXT, {}), Limits(), source().meter)
    assert raw == json.loads(line)
    assert texts(source(file)) == ["b"]


def test_a_json_array_is_called_by_its_name(tmp_path: Path):
    file = write(tmp_path / "a.json", '\n [{"text": "a"},\n{"text": "b"}]')

    assert problem_of(source(file, skip_bad=True)) == {
        "code": "json_array",
        "values": {"file": "a.json"},
    }


def test_a_line_of_300_megabytes_is_refused_in_little_memory(tmp_path: Path):
    file = tmp_path / "a.jsonl"
    with file.open("wb") as sparse:
        sparse.truncate(300 * MIB)
        sparse.seek(0, 2)
        sparse.write(b'\n{"text": "a"}')
    lenient = source(DataFile("a.jsonl", file, "", 300 * MIB), skip_bad=True)
    found: list[str] = []

    assert peak_of(lambda: found.extend(texts(lenient))) < 64 * MIB
    assert found == ["a"]
    assert lenient.meter.examples[0].as_json() == {
        "code": "row_too_long",
        "values": {"file": "a.jsonl", "line": 1, "limit": 16 * MIB},
    }


@given(
    st.lists(st.binary(max_size=6).map(lambda line: line.replace(b"\n", b"")), min_size=1), sizes
)
def test_lines_do_not_depend_on_where_the_bytes_were_cut(lines, sizes):
    found = list(read.lines(chunked(b"\n".join(lines) + b"\n", sizes), 4))

    assert [isinstance(line, Problem) for line in found] == [len(line) > 4 for line in lines]
    assert [line for line in found if isinstance(line, bytes)] == [
        line for line in lines if len(line) <= 4
    ]


def test_bad_rows_alone_are_no_dataset(tmp_path: Path):
    file = write(tmp_path / "a.jsonl", "x\n" * 10)

    assert problem_of(source(file, skip_bad=True))["code"] == "no_rows"


def test_there_is_a_limit_to_the_rows(tmp_path: Path):
    file = write(tmp_path / "a.jsonl", '{"text": "a"}\n' * 3)

    assert len(texts(source(file, limits=Limits(rows=3)))) == 3
    assert problem_of(source(file, limits=Limits(rows=2)))["code"] == "too_many_rows"


# CSV and TSV

cells = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=9)


@given(st.lists(st.tuples(cells, cells), min_size=1), st.sampled_from([",", "\t"]), sizes)
def test_a_table_has_the_cells_that_were_written(rows, delimiter, sizes):
    table = as_csv([("text", "other"), *rows], delimiter)
    reading = Reading("csv" if delimiter == "," else "tsv", Kind.TEXT, {"text": "text"})
    found = read._table(chunked(table.encode(), [14, *sizes]), reading, Limits())

    assert [raw for _, raw in found] == [{"text": a, "other": b} for a, b in rows]


def as_csv(rows: list[tuple[str, ...]], delimiter: str = ",") -> str:
    class Written(list[str]):
        write = list.append

    written = Written()
    csv.writer(written, delimiter=delimiter).writerows(rows)
    return "".join(written)


def test_a_row_is_named_by_the_line_where_it_begins(tmp_path: Path):
    table = 'text,n\r\n"a\nb, ""c""",1\r\n\r\nd,2,3\r\ne,4\r\nf\r\n'
    file = write(tmp_path / "a.csv", table)

    found = problem_of(source(file, format="csv"))
    assert found == {
        "code": "wrong_cells",
        "values": {"file": "a.csv", "line": 5, "found": 3, "expected": 2},
    }
    lenient = source(file, format="csv", skip_bad=True)
    assert texts(lenient) == ['a\nb, "c"', "e"]
    assert [problem.values["line"] for problem in lenient.meter.examples] == [5, 7]


def test_tables_of_spreadsheets_in_french_have_semicolons(tmp_path: Path):
    file = write(tmp_path / "a.csv", 'texte;note\n"a, b; c";"3,5"\n')

    assert texts(source(file, format="csv", columns={"text": "texte"})) == ["a, b; c"]
    assert texts(source(file, format="csv", columns={"text": "note"})) == ["3,5"]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("a,b,a\n1,2,3\n", "duplicate_column"),
        ("a, ,c\n1,2,3\n", "unnamed_column"),
        ("\n\n", "no_rows"),
        ('"a\n1,2,3\n', "bad_csv"),
        (b"\xe9t\xe9,b\n1,2\n", "not_utf8"),
    ],
)
def test_a_table_needs_a_header_that_names_its_columns(tmp_path: Path, header, code: str):
    assert problem_of(source(write(tmp_path / "a.csv", header), format="csv"))["code"] == code


def test_a_header_alone_is_no_dataset(tmp_path: Path):
    file = write(tmp_path / "a.csv", "text\n")

    assert problem_of(source(file, format="csv"))["code"] == "no_rows"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (b'"a" b', "bad_csv"),
        (b"a\rb", "bad_csv"),
        (b"a\0b", "binary"),
        (b"\xe9t\xe9", "not_utf8"),
        (b"a" * 3_000, "row_too_long"),
    ],
)
def test_a_bad_row_of_a_table_is_named_or_left_out(tmp_path: Path, row: bytes, code: str):
    file = write(tmp_path / "a.csv", b"text,n\nfirst,1\n" + row + b",2\nlast,3\n")
    limits = Limits(row_bytes=2_000)

    found = problem_of(source(file, format="csv", limits=limits))
    assert (found["code"], found["values"]["line"]) == (code, 3)
    lenient = source(file, format="csv", limits=limits, skip_bad=True)
    assert texts(lenient)[0] == "first"
    assert texts(lenient)[-1] == "last"
    assert list(lenient.rows()) == list(lenient.rows())


def test_a_quote_that_is_never_closed_is_found_in_little_memory(tmp_path: Path):
    file = write(tmp_path / "a.csv", 'text,n\n"a,1\n' + "b,2\n" * (4 * MIB))
    table = source(file, format="csv", limits=Limits(row_bytes=MIB))

    assert peak_of(lambda: problem_of(table)) < 16 * MIB
    assert problem_of(table)["code"] == "row_too_long"


# Parquet


def parquet(path: Path, columns: dict[str, Any], **options: Any) -> DataFile:
    pq.write_table(pa.table(columns), path, **options)
    return write(path, path.read_bytes())


def test_the_rows_of_a_parquet_file(tmp_path: Path):
    many = [f"text {number}" for number in range(3_000)]
    file = parquet(tmp_path / "a.parquet", {"id": range(3_000), "text": many}, row_group_size=700)

    assert texts(source(file, format="parquet")) == many


def test_conversations_in_parquet(tmp_path: Path):
    messages = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Hi."}]
    file = parquet(tmp_path / "a.parquet", {"m": [messages, messages[:1]], "extra": [1, 2]})

    chats = source(file, format="parquet", kind=Kind.CHAT, columns={"messages": "m"})
    assert [item.row["messages"] for item in chats.rows()] == [messages, messages[:1]]


def test_a_bad_row_of_a_parquet_file_is_named_or_left_out(tmp_path: Path):
    values = ["a"] * 500 + [None] + ["b" * 3_000] + ["c"] * 500
    file = parquet(tmp_path / "a.parquet", {"text": values})
    limits = Limits(row_bytes=2_000)

    assert problem_of(source(file, format="parquet", limits=limits)) == {
        "code": "not_text",
        "values": {"file": "a.parquet", "row": 501, "column": "text", "found": "null"},
    }
    lenient = source(file, format="parquet", limits=limits, skip_bad=True)
    assert texts(lenient) == ["a"] * 500 + ["c"] * 500
    assert [problem.code for problem in lenient.meter.examples] == ["not_text", "row_too_long"]


def test_what_is_no_whole_parquet_file_is_refused(tmp_path: Path):
    whole = parquet(tmp_path / "a.parquet", {"text": [str(n) for n in range(10_000)]})
    data = whole.path.read_bytes()
    damaged = data[:100] + bytes(2_000) + data[2_100:]

    for name, content, code in (
        ("half", data[: len(data) // 2], "damaged_parquet"),
        ("damaged", damaged, "damaged_parquet"),
        ("text", b'{"text": "a"}\n', "damaged_parquet"),
        ("empty", b"", "damaged_parquet"),
        ("gz", gzip.compress(data), "compressed_parquet"),
    ):
        found = problem_of(source(write(tmp_path / name, content), format="parquet"))
        assert (found["code"], found["values"]["file"]) == (code, name)


def test_parquet_columns_need_names_of_their_own_and_have_to_be_there(tmp_path: Path):
    table = pa.Table.from_arrays([pa.array(["a"])] * 2, names=["text", "text"])
    pq.write_table(table, tmp_path / "a.parquet")
    twice = write(tmp_path / "b.parquet", (tmp_path / "a.parquet").read_bytes())
    other = parquet(tmp_path / "c.parquet", {"other": ["a"]})
    none = parquet(tmp_path / "d.parquet", {"text": pa.array([], pa.string())})

    assert problem_of(source(twice, format="parquet"))["code"] == "duplicate_column"
    assert problem_of(source(other, format="parquet"))["code"] == "missing_column"
    assert problem_of(source(none, format="parquet"))["code"] == "no_rows"


def most_of_arrow(source: Source) -> int:
    """Bytes more than before that arrow holds at most while rows are given out."""
    before = most = pa.total_allocated_bytes()
    with suppress(Problem):
        for _ in source.rows():
            most = max(most, pa.total_allocated_bytes())
    return most - before


@pytest.mark.parametrize("store_schema", [True, False])
def test_one_large_text_that_is_stored_once_does_not_fill_the_memory(tmp_path, store_schema):
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), ["a" * 100_000])
    file = parquet(tmp_path / "a.parquet", {"text": texts}, store_schema=store_schema)
    bomb = source(file, format="parquet")

    assert file.bytes < MIB
    assert problem_of(bomb)["code"] == "expands_too_much"
    assert most_of_arrow(bomb) < 128 * MIB


def test_a_large_group_of_rows_is_read_in_little_memory(tmp_path: Path):
    noise = random.Random(0)
    texts = [noise.randbytes(5_000).hex() for _ in range(10_000)]
    file = parquet(tmp_path / "a.parquet", {"text": texts}, compression="none")
    del texts

    assert most_of_arrow(source(file, format="parquet")) < file.bytes / 3


# Sources


@given(
    st.lists(
        st.sampled_from([b"text", b'"', b",", b"\n", b"{", b"[", b":", b"\xe9"]) | st.binary()
    ),
    st.sampled_from(list(PACKERS)),
    st.sampled_from(["text", "jsonl", "csv", "tsv", "parquet"]),
    st.sampled_from(["utf-8", "cp1252"]),
)
def test_whatever_is_in_a_file_it_is_read_or_explained(parts, packing, written_as, encoding):
    with TemporaryDirectory() as folder:
        file = write(Path(folder, "a"), PACKERS[packing](b"".join(parts)))
        for skip_bad in (False, True):
            anything = source(file, format=written_as, encoding=encoding, skip_bad=skip_bad)
            with suppress(Problem):
                assert texts(anything) == texts(anything)


def test_progress_is_told_in_bytes_of_the_files(tmp_path: Path):
    rows = json_lines({"text": "a" * 1_000} for _ in range(2_000))
    files = [write(tmp_path / name, rows) for name in ("a", "b")]
    both = source(*files)
    seen = [both.bytes_read() for _ in both.rows()]

    assert seen == sorted(seen)
    assert seen[0] < files[0].bytes
    assert both.bytes_read() == files[0].bytes + files[1].bytes


def test_another_file_than_the_registered_one_is_found(tmp_path: Path):
    file = write(tmp_path / "a.jsonl", '{"text": "a"}')
    source(file).verify()
    file.path.write_text('{"text": "b"}')

    with pytest.raises(Problem) as caught:
        source(file).verify()
    assert caught.value.code == "changed_on_disk"
    assert caught.value.values["expected"] == file.sha256


def test_a_job_names_what_is_read(tmp_path: Path):
    file = write(tmp_path / "a.csv", "q;a\nWhy?;So.\n")
    reading = Reading("csv", Kind.PROMPT_COMPLETION, {"prompt": "q", "completion": "a"})
    described = {
        "files": [{**vars(file), "path": str(file.path)}],
        "reading": reading.as_json(),
        "limits": {"rows": 5},
    }
    parsed = Source.parse(json.loads(json.dumps(described)))

    assert (list(parsed.files), parsed.reading, parsed.limits) == ([file], reading, Limits(rows=5))
    assert [item.row for item in parsed.rows()] == [{"prompt": "Why?", "completion": "So."}]


def test_a_text_file_has_no_columns():
    with pytest.raises(Problem, match="no columns"):
        Reading("text", Kind.CHAT, {})
    with pytest.raises(ValueError, match="unknown format"):
        Reading("xls", Kind.TEXT, {})
