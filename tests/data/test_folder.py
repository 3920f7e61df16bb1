from __future__ import annotations

import os
from pathlib import Path

import pytest

from llmhub.lib.problems import Problem
from tests.data.made import Phases
from workers.data.reading.folder import copy_in, listing


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "corpus" / "part").mkdir(parents=True)
    (root / "corpus" / "b.txt").write_text("b")
    (root / "corpus" / "part" / "a.jsonl.gz").write_text("a" * 10)
    (root / "corpus" / ".hidden").write_text("hidden")
    (root / "corpus" / ".git").mkdir()
    (root / "corpus" / ".git" / "config").write_text("hidden")
    return root


def refusal_of(folder: Path, root: Path) -> tuple[str, object]:
    with pytest.raises(Problem) as caught:
        listing(folder, root)
    return caught.value.code, caught.value.values.get("file")


def test_the_data_files_of_a_folder_in_order(root: Path):
    corpus = root / "corpus"

    assert listing(corpus, root) == [corpus / "b.txt", corpus / "part" / "a.jsonl.gz"]
    assert listing(root, root) == listing(corpus, root)


def test_they_are_copied_under_names_of_our_own(root: Path, tmp_path: Path):
    target, progress = tmp_path / "job", Phases()
    target.mkdir()
    copies = copy_in(listing(root / "corpus", root), root, target, progress)

    assert [copy["name"] for copy in copies] == ["corpus/b.txt", "corpus/part/a.jsonl.gz"]
    assert [Path(copy["path"]).read_text() for copy in copies] == ["b", "a" * 10]
    assert {Path(copy["path"]).parent for copy in copies} == {target}
    assert progress.calls == [("copying", 1, 11), ("copying", 11, 11)]


@pytest.mark.parametrize("name", ["link.txt", "part/link.txt", "part/link"])
def test_a_link_is_refused_wherever_it_leads(root: Path, name: str):
    (root / "corpus" / name).symlink_to(root / "corpus" / "b.txt")

    assert refusal_of(root / "corpus", root) == ("is_link", f"corpus/{name}")


def test_a_folder_behind_a_link_is_refused(root: Path, tmp_path: Path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.txt").write_text("secret")
    (root / "corpus" / "more").symlink_to(tmp_path / "outside")

    assert refusal_of(root / "corpus", root) == ("is_link", "corpus/more")
    assert refusal_of(root / "corpus" / "more", root) == ("is_link", "corpus/more")
    (tmp_path / "outside" / "inner").mkdir()
    assert refusal_of(root / "corpus" / "more" / "inner", root) == ("is_link", "corpus/more")


def test_nothing_outside_the_root_is_read(root: Path, tmp_path: Path):
    (tmp_path / "root-2").mkdir()

    for folder in (tmp_path, tmp_path / "root-2", root / ".." / "root-2", root / "corpus" / ".."):
        assert refusal_of(folder, root)[0] == "outside_root"


def test_other_things_than_data_files_are_named(root: Path):
    (root / "corpus" / "LICENSE").write_text("MIT")
    assert refusal_of(root / "corpus", root) == ("unknown_format", "corpus/LICENSE")
    (root / "corpus" / "LICENSE").unlink()
    os.mkfifo(root / "corpus" / "pipe.txt")
    assert refusal_of(root / "corpus", root) == ("not_a_file", "corpus/pipe.txt")
    (root / "empty").mkdir()
    assert refusal_of(root / "empty", root)[0] == "no_files"
    assert refusal_of(root / "nowhere", root) == ("not_a_folder", "nowhere")


@pytest.mark.parametrize("step", ["part", "part/a.jsonl.gz"])
def test_what_became_a_link_since_it_was_listed_is_not_copied(root, tmp_path, step: str):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.jsonl.gz").write_text("secret")
    files = listing(root / "corpus", root)
    changed = root / "corpus" / step
    changed.rename(tmp_path / "aside")
    changed.symlink_to(outside if step == "part" else outside / "a.jsonl.gz")

    with pytest.raises(Problem) as caught:
        copy_in(files, root, tmp_path, Phases())
    assert caught.value.code == "is_link"


def test_a_pipe_in_place_of_a_file_does_not_stop_the_job(root: Path, tmp_path: Path):
    files = listing(root / "corpus", root)
    files[0].unlink()
    os.mkfifo(files[0])

    with pytest.raises(Problem) as caught:
        copy_in(files, root, tmp_path, Phases())
    assert caught.value.code == "not_a_file"
