"""Prompts that are in the training part and in the validation part: none, if both were divided by
the prompt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from xxhash import xxh3_64_intdigest

from workers.data.report.batches import Batch
from workers.data.report.division import Division
from workers.data.report.partitions import Partitions


class SharedPrompts:
    def __init__(self, folder: Path, division: Division) -> None:
        self._division = division
        self._keys = Partitions(folder, [("key", "u8"), ("validation", "?")])

    def add(self, batch: Batch) -> None:
        hashes = [xxh3_64_intdigest(self._division.key(item).encode()) for item in batch.items]
        self._keys.add(key=np.array(hashes, dtype=np.uint64), validation=batch.validation)

    def count(self) -> int:
        return sum(
            len(np.intersect1d(keys["key"][keys["validation"]], keys["key"][~keys["validation"]]))
            for keys in self._keys
        )
