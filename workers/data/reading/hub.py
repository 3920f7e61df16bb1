"""Datasets of the Hugging Face hub, copied as JSON lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from llmhub.lib.problems import Problem
from workers.data.progress import Progress
from workers.data.reading.source import Limits

NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
LOOK_UP_SECONDS = 30
REFUSALS = {401, 403, 404}  # also of what one has to ask for


def fetch(
    name: str,
    config: str | None,
    split: str,
    target_folder: Path,
    limits: Limits,
    progress: Progress,
) -> Path:
    """Writes the rows of a dataset into a compressed file of the folder. Runs no code of theirs."""
    _check_name(name)
    target = target_folder / f"{name.replace('/', '--')}.jsonl.zst"
    write(_rows(name, config, split), name, target, limits, progress)
    return target


def _check_name(name: str) -> None:
    """The library would take a local folder of this name."""
    if not NAME.fullmatch(name) or Path(name).exists():
        raise Problem("bad_hub_name", name=name)


def write(
    rows: Iterable[Mapping[str, Any]], name: str, target: Path, limits: Limits, progress: Progress
) -> None:
    expanded = 0
    with pa.CompressedOutputStream(str(target), "zstd") as file:
        for number, row in enumerate(rows, start=1):
            if number > limits.rows:
                raise Problem("too_many_rows", limit=limits.rows)
            line = _line(row, number, name)
            expanded += len(line)
            if expanded > limits.expanded_bytes:
                raise Problem("too_large_expanded", limit=limits.expanded_bytes)
            file.write(line)
            progress("downloading", number, 0)


def _line(row: Mapping[str, Any], number: int, name: str) -> bytes:
    try:
        return json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    except (TypeError, ValueError) as error:
        raise Problem("hub_not_json", name=name, row=number, found=str(error)) from error


def _rows(name: str, config: str | None, split: str) -> Iterator[Mapping[str, Any]]:
    # They take seconds to import.
    from datasets import load_dataset
    from huggingface_hub import HfApi

    with _explained(name):
        # Asked first: without it the library reads a name such as “json” as a format, and then the
        # files of the working directory.
        found = HfApi().dataset_info(name, timeout=LOOK_UP_SECONDS)
        _check_name(found.id)
        yield from load_dataset(found.id, config, split=split, revision=found.sha, streaming=True)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    import datasets
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except (Problem, MemoryError):
        raise
    except HfHubHTTPError as error:
        is_refusal = error.response.status_code in REFUSALS
        code = "hub_not_found" if is_refusal else "hub_unreachable"
        raise Problem(code, name=name, detail=str(error)) from error
    except (FileNotFoundError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise Problem("hub_not_found", name=name, detail=str(error)) from error
    # What else a network does is told by the exceptions of several libraries.
    except Exception as error:
        raise Problem("hub_unreachable", name=name, detail=str(error)) from error
