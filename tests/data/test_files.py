from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest
import zstandard

from llmhub.lib.problems import Problem
from tests.data.made import PACKERS, json_lines, source, texts, write
from workers.data.reading import files
from workers.data.reading.source import Limits, Meter

TEXT = "".join(f"line {number} of a text that is not too short\n" for number in range(50_000))
MIB = 1 << 20


def content(path: Path, limits: Limits = Limits()) -> bytes:  # noqa: B008
    return b"".join(files.chunks(path, limits, Meter()))


@pytest.mark.parametrize("packing", PACKERS)
def test_a_compressed_file_is_what_was_compressed(tmp_path: Path, packing: str):
    file = write(tmp_path / "name says nothing", PACKERS[packing](TEXT.encode()))

    assert content(file.path) == TEXT.encode()
    assert files.compression(files.head(file.path)) == packing


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_files_that_were_compressed_in_parts_are_read_to_the_end(tmp_path: Path, packing: str):
    parts = [PACKERS[packing](part.encode()) for part in ("one\n", "", "two\n")]
    file = write(tmp_path / "a", b"".join(parts))

    assert content(file.path) == b"one\ntwo\n"


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
@pytest.mark.parametrize("missing", [1, 5, 1_000, 100_000])
def test_a_truncated_archive_is_never_taken_for_a_whole_one(tmp_path, packing: str, missing: int):
    data = PACKERS[packing](TEXT.encode() + bytes(range(1, 128)) * 10)
    file = write(tmp_path / "cut.txt", data[: max(10, len(data) - missing)])

    with pytest.raises(
        Problem, match=r"^cut\.txt: The compressed file ends in the middle"
    ) as caught:
        texts(source(file, format="text"))
    assert caught.value.as_json() == {"code": "truncated", "values": {"file": "cut.txt"}}


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_damaged_archive_is_said_to_be_one(tmp_path: Path, packing: str):
    data = bytearray(PACKERS[packing](TEXT.encode()))
    data[1_000:1_010] = b"\xff" * 10
    file = write(tmp_path / "bad.txt", bytes(data))

    with pytest.raises(Problem) as caught:
        texts(source(file, format="text"))
    assert caught.value.code == "damaged_archive"
    assert caught.value.values["file"] == "bad.txt"


def test_a_wrong_checksum_is_damage(tmp_path: Path):
    data = gzip.compress(TEXT.encode())
    file = write(tmp_path / "a", data[:-8] + b"\0\0\0\0" + data[-4:])

    with pytest.raises(Problem, match="incorrect data check"):
        content(file.path)


def bomb(packing: str, mib: int) -> bytes:
    """Many times the same MiB, compressed as often: small, and quickly made."""
    return PACKERS[packing](b"a" * MIB) * mib


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_bomb_is_refused_long_before_it_fills_anything(tmp_path: Path, packing: str):
    file = write(tmp_path / "bomb", bomb(packing, 8 << 10))
    expanded = 0

    def expand() -> None:
        nonlocal expanded
        for chunk in files.chunks(file.path, Limits(), Meter()):
            expanded += len(chunk)

    tracemalloc.start()
    with pytest.raises(Problem) as caught:
        expand()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.code == "expands_too_much"
    assert expanded <= max(64 * MIB, 100 * file.bytes) < 8 << 30
    assert peak < 8 * MIB


def test_what_is_small_may_expand_as_it_likes(tmp_path: Path):
    file = write(tmp_path / "a", bomb("gzip", 60))

    assert len(content(file.path)) == 60 * MIB


def test_there_is_a_limit_to_the_expanded_size(tmp_path: Path):
    file = write(tmp_path / "a", gzip.compress(TEXT.encode()))

    with pytest.raises(Problem) as caught:
        content(file.path, Limits(expanded_bytes=MIB))
    assert caught.value.as_json() == {"code": "too_large_expanded", "values": {"limit": MIB}}


def zip_file() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "text")
    return file.getvalue()


def tar_file() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "code", "found"),
    [
        (zip_file(), "is_archive", "ZIP"),
        (tar_file(), "is_archive", "tar"),
        (gzip.compress(tar_file()), "is_archive", "tar"),
        (zstandard.compress(zip_file()), "is_archive", "ZIP"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(20), "is_archive", "7z"),
        (b"%PDF-1.7\n", "binary", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "binary", "PNG"),
        (b"PAR1" + bytes(20), "binary", "Parquet"),
        ("text".encode("utf-16"), "utf16", "UTF-16"),
        ("text".encode("utf-32"), "utf16", "UTF-32"),
    ],
    # Archives have the time in them, which would give each process of a session other names.
    ids=["zip", "tar", "tar.gz", "zip.zst", "7z", "PDF", "PNG", "Parquet", "UTF-16", "UTF-32"],
)
@pytest.mark.parametrize("written_as", ["text", "jsonl", "csv"])
def test_what_is_no_text_is_called_by_its_name(
    tmp_path, written_as: str, data, code: str, found: str
):
    file = write(tmp_path / "a.jsonl", data)

    with pytest.raises(Problem) as caught:
        texts(source(file, format=written_as, skip_bad=True))
    assert caught.value.as_json() == {"code": code, "values": {"file": "a.jsonl", "found": found}}


@pytest.mark.parametrize("written_as", ["text", "jsonl", "csv"])
def test_binary_data_under_the_name_of_text_are_found_in_their_first_line(
    tmp_path, written_as: str
):
    file = write(tmp_path / "a.jsonl", hashlib.shake_256(b"seed").digest(2_000) + bytes(9) + b"\n")

    with pytest.raises(Problem) as caught:
        texts(source(file, format=written_as))
    assert caught.value.code in {"binary", "not_utf8"}
    assert caught.value.values["file"] == "a.jsonl"


def test_a_byte_order_mark_is_no_part_of_the_data(tmp_path: Path):
    for name, text in (("a.txt", "text"), ("b.jsonl", json_lines([{"text": "text"}]))):
        file = write(tmp_path / name, "\ufeff" + text)
        assert texts(source(file, format=str(files.format_by_name(name)))) == ["text"]


def test_the_hash_is_that_of_the_file_as_it_is_on_the_disk(tmp_path: Path):
    file = write(tmp_path / "a.gz", gzip.compress(TEXT.encode()))
    steps: list[int] = []

    assert files.sha256(file.path, steps.append) == file.sha256
    assert sum(steps) == file.bytes


def test_a_missing_file_is_named(tmp_path: Path):
    file = write(tmp_path / "a.txt", "text")
    file.path.unlink()

    with pytest.raises(Problem, match=r"^a\.txt: The file cannot be read: No such file"):
        texts(source(file, format="text"))
    with pytest.raises(Problem, match=r"^a\.txt: The file cannot be read"):
        source(file).verify()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.txt", "text"),
        ("README.MD", "text"),
        ("a.jsonl.gz", "jsonl"),
        ("a.ndjson", "jsonl"),
        ("a.json.zst", "jsonl"),
        ("a.tar.csv", "csv"),
        ("../../etc/a.tsv", "tsv"),
        ("a.parquet", "parquet"),
        ("a.gz", None),
        ("txt", None),
        ("", None),
    ],
)
def test_the_end_of_a_name_says_the_format(name: str, expected: str | None):
    assert files.format_by_name(name) == expected
