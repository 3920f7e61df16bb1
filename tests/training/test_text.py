from __future__ import annotations

from pathlib import Path

import pytest

from llmhub.lib import manifest, rows
from workers.training.errors import BadData
from workers.training.text import PIECE, Corpus, TextFile


def write(path: Path, text: str) -> TextFile:
    path.write_bytes(text.encode())
    return TextFile(path, manifest.file_hash(path))


def test_the_last_characters_are_for_validation(tmp_path: Path):
    corpus = Corpus([write(tmp_path / "a", "ééééé"), write(tmp_path / "b", "bbbbb")], 0.3)

    assert corpus.characters == 10
    assert "".join(corpus.training()) == "ééééébb"
    assert "".join(corpus.validation()) == "bbb"


def test_the_split_is_the_one_that_pages_show():
    assert rows.validation_start(10, 0.3) == 7
    assert rows.validation_start(1_115_394, 0.1) == 1_003_855


def test_long_texts_come_in_pieces_that_end_with_a_line(tmp_path: Path):
    text = "one line of text\r\n" * (3 * PIECE // 18)
    pieces = list(Corpus([write(tmp_path / "a", text)], 0.1)._pieces())

    assert len(pieces) > 2
    assert all(piece.endswith("\n") for piece in pieces)
    assert "".join(pieces) == text


def test_another_text_than_the_registered_one_is_refused(tmp_path: Path):
    file = write(tmp_path / "a", "registered")
    file.verify()
    file.path.write_text("changed")

    with pytest.raises(BadData, match="not the text that was registered"):
        file.verify()


def test_a_missing_file_and_other_encodings_are_bad_data(tmp_path: Path):
    with pytest.raises(BadData, match="cannot be read"):
        TextFile(tmp_path / "nowhere", "").verify()
    latin = tmp_path / "latin"
    latin.write_bytes("é".encode("latin-1"))
    with pytest.raises(BadData, match="not UTF-8"):
        list(Corpus([TextFile(latin, "")], 0.1).training())
