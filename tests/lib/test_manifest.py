from __future__ import annotations

from pathlib import Path

import pytest

from llmhub.lib import manifest


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    directory = tmp_path / "step-7"
    (directory / "part").mkdir(parents=True)
    (directory / "weights").write_bytes(b"1234")
    (directory / "part" / "more").write_bytes(b"56")
    manifest.write(directory, step=7, val_loss=1.5)
    return directory


def test_it_names_every_file_with_size_and_hash(checkpoint: Path):
    read = manifest.verify(checkpoint)

    assert (read["step"], read["val_loss"]) == (7, 1.5)
    assert {name: facts["bytes"] for name, facts in read["files"].items()} == {
        "weights": 4,
        "part/more": 2,
    }
    assert manifest.size(checkpoint) == 6


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: (path / "weights").write_bytes(b"1235"), "weights has changed"),
        (lambda path: (path / "weights").write_bytes(b"123"), "weights has changed"),
        (lambda path: (path / "part" / "more").unlink(), "more is missing"),
        (lambda path: (path / "manifest.json").write_text("{"), "cannot be read"),
        (lambda path: (path / "manifest.json").write_text("[]"), "does not list files"),
        (lambda path: (path / "manifest.json").unlink(), "cannot be read"),
    ],
)
def test_damage_is_found_and_named(checkpoint: Path, damage, message: str):
    damage(checkpoint)

    with pytest.raises(manifest.Corrupt, match=message):
        manifest.verify(checkpoint)


def test_its_digest_changes_with_any_file(checkpoint: Path):
    before = manifest.digest(checkpoint)
    (checkpoint / "weights").write_bytes(b"4321")
    manifest.write(checkpoint, step=7, val_loss=1.5)

    assert manifest.digest(checkpoint) != before


def test_only_finished_checkpoints_count_in_order_of_their_step(tmp_path: Path):
    for name in ("step-10", "step-9", ".step-11.writing", "step-", "notes"):
        (tmp_path / name).mkdir()

    assert list(manifest.steps(tmp_path)) == [9, 10]
    assert manifest.steps(tmp_path / "nowhere") == {}
