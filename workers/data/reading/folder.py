"""Data files in a folder of the server: found and copied without following any link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from llmhub.lib.problems import Problem
from workers.data.progress import Progress
from workers.data.reading.files import format_by_name, reading

CHUNK = 4 << 20
# A link instead of a file, and instead of a folder.
IS_LINK = {errno.ELOOP, errno.ENOTDIR}


def listing(folder: Path, root: Path) -> list[Path]:
    """The data files under a folder inside `root`, sorted. Hidden files are not looked at.

    Raises Problem for a link on the way or in the folder, for what is no file, and for a file that
    no format is known for.
    """
    _check_way(folder, root)
    if not folder.is_dir():
        raise Problem("not_a_folder", file=_name(folder, root))
    with reading():
        found = sorted(_files(folder, root))
    if not found:
        raise Problem("no_files")
    return found


def copy_in(
    files: Sequence[Path], root: Path, target: Path, progress: Progress
) -> list[dict[str, str]]:
    """Copies what `listing` found into a folder: [{"name", "path"}], as a job names its files."""
    total = sum(file.lstat().st_size for file in files)
    done = 0
    copies = []
    for number, file in enumerate(files):
        copy = target / f"{number:06}"
        with os.fdopen(_open(file, root), "rb") as source, copy.open("xb") as destination:
            _check_file(file, os.fstat(source.fileno()).st_mode, _name(file, root))
            while chunk := source.read(CHUNK):
                destination.write(chunk)
                done += len(chunk)
                progress("copying", done, total)
        copies.append({"name": _name(file, root), "path": str(copy)})
    return copies


def _check_way(folder: Path, root: Path) -> None:
    if ".." in folder.parts or not folder.is_relative_to(root):
        raise Problem("outside_root", file=folder.name)
    steps = [folder, *folder.parents]
    for step in steps[: steps.index(root)]:
        if step.is_symlink():
            raise Problem("is_link", file=_name(step, root))


def _files(folder: Path, root: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            yield from _files(path, root)
        else:
            _check_file(path, mode, _name(path, root))
            yield path


def _check_file(path: Path, mode: int, name: str) -> None:
    if stat.S_ISLNK(mode):
        raise Problem("is_link", file=name)
    if not stat.S_ISREG(mode):
        raise Problem("not_a_file", file=name)
    if format_by_name(path.name) is None:
        raise Problem("unknown_format", file=name)


def _open(file: Path, root: Path) -> int:
    """A descriptor, reached step by step: whatever became a link since the listing is refused."""
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for step in file.relative_to(root).parts:
        try:
            # Non-blocking: a pipe in place of a file must not stop the job.
            within = os.open(step, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
        except OSError as error:
            code = "is_link" if error.errno in IS_LINK else "unreadable"
            raise Problem(code, file=_name(file, root), reason=str(error.strerror)) from error
        finally:
            os.close(at)
        at = within
    return at


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
