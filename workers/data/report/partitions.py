"""Records on disk that are looked at key by key, a part of the keys at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Records = NDArray[Any]

_BITS = 6  # of the key, that say to which part it belongs
_WAITING_BYTES = 8 << 20


class Partitions:
    """Records with a `key` of uint64, hashes whose first bits are as good as random."""

    def __init__(self, folder: Path, dtype: list[tuple[str, str]]) -> None:
        folder.mkdir()
        self._paths = [folder / f"{part:02}" for part in range(1 << _BITS)]
        self._dtype = np.dtype(dtype)
        self._waiting: list[Records] = []
        self._waiting_bytes = 0

    def add(self, **columns: NDArray[Any]) -> None:
        records = np.empty(len(columns["key"]), dtype=self._dtype)
        for name, values in columns.items():
            records[name] = values
        self._waiting.append(records)
        self._waiting_bytes += records.nbytes
        if self._waiting_bytes >= _WAITING_BYTES:
            self.flush()

    def flush(self) -> None:
        if not self._waiting:
            return
        records = np.concatenate(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        parts = (records["key"] >> np.uint64(64 - _BITS)).astype(np.uint8)
        records = records[np.argsort(parts, kind="stable")]
        ends = np.cumsum(np.bincount(parts, minlength=len(self._paths)))
        for path, end, start in zip(self._paths, ends, [0, *ends[:-1]], strict=True):
            with path.open("ab") as file:
                file.write(records[start:end].tobytes())

    def __iter__(self) -> Iterator[Records]:
        """Part by part, the records of each in the order in which they were added."""
        self.flush()
        for path in self._paths:
            if path.exists():
                yield np.fromfile(path, dtype=self._dtype)
