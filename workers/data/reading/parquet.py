"""Rows of Parquet files, a small batch at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow.parquet import FileMetaData, ParquetFile

from llmhub.lib.problems import Problem
from workers.data.reading import files
from workers.data.reading.names import check_names

if TYPE_CHECKING:
    from workers.data.reading.source import Limits, Meter

# A value that is stored once may stand in every row of a batch: few rows keep that small.
BATCH_ROWS = 256
BATCH_BYTES = 8 << 20
BUFFER = 1 << 20  # of each column


def rows(
    path: Path, columns: Collection[str], limits: Limits, meter: Meter
) -> Iterator[tuple[int, dict[str, Any] | Problem]]:
    """(row from 1, cells of `columns`, or of all columns if there are none)."""
    if files.compression(files.head(path)):
        raise Problem("compressed_parquet")
    with files.opened(path) as raw, _damage():
        # Otherwise a whole group of rows is read ahead, which is often the whole file.
        file = ParquetFile(raw, buffer_size=BUFFER, pre_buffer=False)
        number = 0
        for batch in _batches(file, _names(file, columns), path.stat().st_size, limits):
            for cells in batch.to_pylist():
                number += 1
                yield number, _checked(cells, limits)
            meter.in_file = path.stat().st_size * number // file.metadata.num_rows


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except MemoryError:  # which arrow has a subclass of
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise Problem("damaged_parquet", detail=str(error)) from error


def _names(file: ParquetFile, columns: Collection[str]) -> list[str]:
    names = file.schema_arrow.names
    check_names(names)
    wanted = [name for name in names if name in columns] if columns else names
    if not wanted:
        raise Problem("missing_column", column=next(iter(columns)))
    return wanted


def _batches(
    file: ParquetFile, names: list[str], size: int, limits: Limits
) -> Iterator[pa.RecordBatch]:
    expanded = 0
    for batch in file.iter_batches(_batch_rows(file.metadata), columns=names, use_threads=False):
        plain = _plain(batch)
        expanded += plain.nbytes
        files.refuse_expansion(expanded, size, limits)
        yield plain


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """With every value in its row, so that its size is what the rows have."""
    columns = [
        column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _batch_rows(metadata: FileMetaData) -> int:
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    row_bytes = max(
        (group.total_byte_size // max(1, group.num_rows) for group in groups), default=0
    )
    return max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, row_bytes)))


def _checked(cells: dict[str, Any], limits: Limits) -> dict[str, Any] | Problem:
    if any(isinstance(cell, str) and len(cell) > limits.row_bytes for cell in cells.values()):
        return Problem("row_too_long", limit=limits.row_bytes)
    return cells
