"""Arrays of tokens in a folder, written from front to back and mapped into memory.

tokenizer.json
{training,validation}.bin          [tokens], uint16 or uint32: one sequence after the other
{training,validation}.starts.bin   [sequences + 1], int64: where each begins, and the end
{training,validation}.mask.bin     [tokens], uint8: 1 where the loss is counted; not for plain text
facts.json                         {"dtype", "characters", "files": {name: {"bytes", "sha256"}}}
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from llmhub.lib import manifest
from llmhub.lib.rundir import write_json

FACTS = "facts.json"


@dataclass(frozen=True)
class Part:
    """Sequence i is tokens[starts[i] : starts[i + 1]]. Of a preference, sequence 2i is the chosen
    one and 2i + 1 the rejected one."""

    tokens: NDArray[Any]  # [tokens]
    starts: NDArray[np.int64]  # [sequences + 1]
    mask: NDArray[np.uint8] | None = None  # [tokens]; None: the loss is counted everywhere


@dataclass
class PartWriter:
    dtype: str
    tokens: BinaryIO
    starts: BinaryIO
    mask: BinaryIO | None
    length: int = 0  # tokens

    def add(
        self, ids: Sequence[NDArray[Any]], begins: Sequence[bool], loss: Sequence[bool]
    ) -> None:
        """Stretches of tokens; which of them begin a sequence, and on which the loss is counted."""
        lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        starts = self.length + np.cumsum(lengths) - lengths
        self.tokens.write(np.concatenate(ids).astype(self.dtype).data)
        self.starts.write(starts[np.array(begins)].data)
        if self.mask:
            self.mask.write(np.repeat(np.array(loss, dtype=np.uint8), lengths).data)
        self.length += int(lengths.sum())


@contextmanager
def part_writer(place: Path, name: str, dtype: str, *, has_mask: bool) -> Iterator[PartWriter]:
    with ExitStack() as stack:

        def opened(path: Path) -> BinaryIO:
            return stack.enter_context(path.open("wb"))

        tokens, starts, mask = _paths(place, name)
        writer = PartWriter(
            dtype, opened(tokens), opened(starts), opened(mask) if has_mask else None
        )
        yield writer
        writer.starts.write(np.int64(writer.length).tobytes())


def write_facts(place: Path, dtype: str, characters: int) -> None:
    """Comes last: hashes every file that was written before."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": manifest.file_hash(path)}
        for path in sorted(place.iterdir())
    }
    write_json(place / FACTS, {"dtype": dtype, "characters": characters, "files": files})


def verified_facts(place: Path) -> dict[str, Any]:
    """What was written, after every byte was read again. ValueError names the file that changed."""
    facts: dict[str, Any] = json.loads((place / FACTS).read_text())
    for name, expected in facts["files"].items():
        if manifest.file_hash(place / name) != expected["sha256"]:
            raise ValueError(f"{name} is not what was written")
    return facts


def part(place: Path, name: str, dtype: str) -> Part:
    tokens, starts, mask = _paths(place, name)
    return Part(
        tokens=_map(tokens, dtype),
        starts=_map(starts, "int64"),
        mask=_map(mask, "uint8") if mask.exists() else None,
    )


def _paths(place: Path, name: str) -> tuple[Path, Path, Path]:
    return place / f"{name}.bin", place / f"{name}.starts.bin", place / f"{name}.mask.bin"


def _map(path: Path, dtype: str) -> NDArray[Any]:
    """An empty file cannot be mapped; it is an empty array."""
    if path.stat().st_size == 0:
        return np.empty(0, dtype=dtype)
    # A slice of a memmap takes several times as long as one of an array over the same memory.
    return np.asarray(np.memmap(path, dtype=dtype, mode="r"))
