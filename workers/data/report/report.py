"""Measures a version of a dataset: how long its rows are, how clean, and how they are divided."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workers.data.reading.source import Source
from workers.data.report import examples
from workers.data.report.batches import batches
from workers.data.report.checks import Check
from workers.data.report.division import Division, Tell
from workers.data.report.duplicates import Duplicates
from workers.data.report.encoding import Encoding
from workers.data.report.leakage import Leakage
from workers.data.report.lengths import Lengths
from workers.data.report.near_duplicates import NearDuplicates
from workers.data.report.personal_check import PersonalData
from workers.data.report.splits import Splits
from workers.data.report.vocabulary import Vocabulary

# Called with a phase, how much of it is done, and of how much.
Progress = Callable[[str, float, float], None]


def report(values: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    started = time.perf_counter()
    source, folder = Source.parse(values["source"]), Path(values["folder"])
    source.verify()
    division = Division.of(source, values["validation_share"], _tell(progress, "counting"))
    leakage = Leakage(division, folder / "leakage", values["benchmarks"])
    rows = characters = 0
    for batch in batches(division, _tell(progress, "looking")):
        leakage.look_for(batch)
        rows, characters = rows + len(batch.items), characters + int(batch.sizes.sum())
    leakage.close()
    checks = _checks(values, division, folder, leakage, rows, characters)
    return {
        "checks": _measure(checks, division, progress),
        "rows": rows,
        "characters": characters,
        "seconds": time.perf_counter() - started,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def _checks(
    values: Mapping[str, Any],
    division: Division,
    folder: Path,
    leakage: Leakage,
    rows: int,
    characters: int,
) -> dict[str, Check]:
    """In the order in which they finish."""
    exact = Duplicates(folder / "exact")
    checks: dict[str, Check] = {}
    vocabulary = None
    if values["tokenizer"]["path"]:
        vocabulary = Vocabulary(Path(values["tokenizer"]["path"]), rows, characters)
        checks["vocabulary"] = vocabulary
    return checks | {
        "lengths": Lengths(values["context_length"], vocabulary),
        "encoding": Encoding(),
        "exact_duplicates": exact,
        "near_duplicates": NearDuplicates(folder / "near", exact),
        "leakage": leakage,
        "personal": PersonalData(values["phone_regions"]),
        "splits": Splits(division),
    }


def _measure(checks: Mapping[str, Check], division: Division, progress: Progress) -> dict[str, Any]:
    seconds = dict.fromkeys(checks, 0.0)
    for batch in batches(division, _tell(progress, "measuring")):
        for name, check in checks.items():
            with _timed(seconds, name):
                check.add(batch)
    wanted: set[int] = set()
    for i, (name, check) in enumerate(checks.items()):
        progress("comparing", i, len(checks))
        with _timed(seconds, name):
            wanted.update(check.finish())
    progress("showing", 0, 1)
    texts = examples.fetch(division.source, wanted)
    results = {}
    for name, check in checks.items():
        with _timed(seconds, name):
            figures = check.result(texts)
        results[name] = {"version": check.version, "seconds": seconds[name], **figures}
    return results


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[name] += time.perf_counter() - started


def _tell(progress: Progress, phase: str) -> Tell:
    return lambda done: progress(phase, done, 1)
