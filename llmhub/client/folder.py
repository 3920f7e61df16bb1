"""What a run has on this disk, besides its rows: what it asks of the hub, and what it got.

run.json       the wish to begin the run, and the hub's answer to it; mode 0600, for its token
events.jsonl   tags, notes, summary, texts, files, the end: a line each, in their order
events.sent    bytes of events.jsonl that the hub has taken
console.log    what the script has printed, and in console.sent how much the hub has
files/         copies of files on their way to the hub
synced         exists once the hub has everything, the end of the run included
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from llmhub.lib.rundir import write_json

# Events are small; more at once would keep beats and points waiting.
CHUNK_BYTES = 1 << 20


class Begun(NamedTuple):
    """A run as the hub knows it."""

    id: int
    url: str
    attempt: int
    token: str
    resumed_step: int | None


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.about: dict[str, Any] = json.loads((path / "run.json").read_text())

    @classmethod
    def make(cls, parent: Path, kind: str, about: dict[str, Any]) -> Folder:
        """A new one; raises OSError where the disk does not take it."""
        key = secrets.token_hex(8)
        path = parent / f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}-{key[:8]}"
        path.mkdir(parents=True, mode=0o700)
        write_json(path / "run.json", {**about, "key": key, "begun": None}, mode=0o600)
        return cls(path)

    @property
    def begun(self) -> Begun | None:
        begun = self.about["begun"]
        return Begun(**begun) if begun else None

    def note_begun(self, begun: Begun, hub_url: str) -> None:
        self.about |= {"begun": begun._asdict(), "hub_url": hub_url}
        write_json(self.path / "run.json", self.about, mode=0o600)

    @property
    def synced(self) -> Path:
        return self.path / "synced"

    @property
    def console(self) -> Path:
        return self.path / "console.log"

    def keep(self, path: Path) -> Path:
        """A copy as the file is now: a checkpoint may be overwritten before it is sent."""
        files = self.path / "files"
        files.mkdir(exist_ok=True)
        copy = files / f"{secrets.token_hex(4)}-{path.name[-100:]}"
        shutil.copyfile(path, copy)
        return copy


def folders(parent: Path) -> Iterator[Folder]:
    """The oldest first."""
    for path in sorted(parent.glob("*/run.json"), key=lambda path: path.parent.name.split("-")[1:]):
        try:
            yield Folder(path.parent)
        except (OSError, ValueError):
            continue


class Count:
    """A number of bytes in a file of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        text = path.read_text().strip() if path.exists() else ""
        self.value = int(text) if text.isdigit() else 0

    def set(self, value: int) -> None:
        with self._path.open("r+b" if self._path.exists() else "wb") as file:
            file.write(b"%020d\n" % value)
        self.value = value


class Events:
    """Each is on disk when `append` returns."""

    def __init__(self, folder: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(folder / "events.jsonl", flags, 0o600)
        self._sent = Count(folder / "events.sent")
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")

    def append(self, kind: str, **said: Any) -> None:
        line = json.dumps({"kind": kind, **said}).encode("ascii") + b"\n"
        if os.write(self._fd, line) != len(line):
            raise OSError("the disk is full")

    def unsent(self) -> list[tuple[dict[str, Any], int]]:
        """Some, each with the offset behind it; what a full disk cut short is passed over."""
        position = self._sent.value
        found: list[tuple[dict[str, Any], int]] = []
        for line in os.pread(self._fd, self._chunk(position), position).splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            position += len(line)
            found.append((_read(line), position))
        return found

    def _chunk(self, position: int) -> int:
        """At least the next line, however long it is."""
        size = CHUNK_BYTES
        while b"\n" not in os.pread(self._fd, size, position):
            if position + size >= os.fstat(self._fd).st_size:
                return size
            size *= 2
        return size

    def has_unsent(self) -> bool:
        return self._sent.value < os.fstat(self._fd).st_size

    def sent_up_to(self, position: int) -> None:
        self._sent.set(position)

    def close(self) -> None:
        os.close(self._fd)


def _read(line: bytes) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        return {"kind": "torn"}
    return said if isinstance(said, dict) else {"kind": "torn"}
