"""What a large dataset costs: registered, reported and tokenized, with the time and memory of each.

    python -m tests.bench.million_rows [--rows 1000000] [--folder FOLDER]

Makes a JSONL of rows of about 1 KB, words drawn by their frequency in the sources and documentation
of Python, with 1 % exact and 1 % near duplicates. Each step runs as a worker starts it; memory is
that of all its processes, sampled, with and without the pages of mapped files.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from workers.process import ROOT

WORDS_A_ROW = 150
AT_ONCE = 10_000  # rows
PAGE = os.sysconf("SC_PAGE_SIZE")
READING = {"format": "jsonl", "kind": "text", "columns": {"text": "text"}}
CHOICE = {"tokenizer": "bpe", "vocab_size": 8192, "validation_share": 0.1, "template": "plain"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        measure(Path(name), arguments.rows)


def measure(folder: Path, rows: int) -> None:
    data = folder / "rows.jsonl"
    started = time.perf_counter()
    make(data, rows)
    size = data.stat().st_size
    print(f"{rows:,} rows, {size / 1e9:.2f} GB, made in {time.perf_counter() - started:.0f} s")
    print(f"{'step':<10} {'seconds':>8} {'MB/s':>6} {'peak MiB':>9} {'anonymous MiB':>14}")
    file = {"name": "rows.jsonl", "path": str(data)}
    found = step("import", folder, {"files": [file], "reading": READING}, size)
    registered = file | {name: found["files"][0][name] for name in ("sha256", "bytes")}
    source = {"source": {"files": [registered], "reading": READING}}
    report = step("report", folder, source | REPORT, size)
    for name, check in report["checks"].items():
        print(f"  {name}: {check['seconds']:.0f} s")
    tokenize = {"choice": CHOICE, "cache": str(folder / "cache")}
    made = step("tokenize", folder, source | tokenize, size)
    print(f"{made['tokens']['training'] + made['tokens']['validation']:,} tokens")


REPORT: dict[str, Any] = {
    "validation_share": 0.1,
    "context_length": 1024,
    "tokenizer": {"path": None},
    "benchmarks": [],
    "phone_regions": ["US", "GB", "FR", "DE"],
}


def make(place: Path, rows: int) -> None:
    draw = np.random.default_rng(0)
    with place.open("w") as file:
        for start in range(0, rows, AT_ONCE):
            texts = list(prose(draw, min(AT_ONCE, rows - start)))
            copied = draw.integers(0, len(texts), size=(2, len(texts) // 100))
            for original, copy in zip(*copied, strict=True):
                texts[copy] = texts[original]
                texts[copy - 1] = texts[original].replace(" ", "\n", 1) + " again"
            file.writelines(json.dumps({"text": text}) + "\n" for text in texts)


def prose(draw: np.random.Generator, rows: int) -> Iterator[str]:
    words, chances = vocabulary()
    lengths = draw.poisson(WORDS_A_ROW, size=rows)
    drawn = words[np.searchsorted(chances, draw.random(int(lengths.sum())))]
    for part in np.split(drawn, np.cumsum(lengths)[:-1]):
        yield " ".join(part)


def vocabulary() -> tuple[Any, Any]:
    """[words] and how likely one up to each is drawn."""
    if not _vocabulary:
        counts: Counter[str] = Counter()
        for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
            counts.update(re.findall(r"[A-Za-z_]{2,20}[,.:;()]?", path.read_text(errors="ignore")))
        words, frequencies = zip(*counts.most_common(50_000), strict=True)
        chances = np.cumsum(frequencies) / sum(frequencies)
        _vocabulary.extend((np.array(words, dtype=object), chances))
    return _vocabulary[0], _vocabulary[1]


_vocabulary: list[Any] = []


def step(work: str, folder: Path, values: dict[str, Any], size: int) -> dict[str, Any]:
    job = folder / work
    job.mkdir()
    values |= {"work": work, "folder": str(job), "memory_bytes": 4 << 30}
    (job / "job.json").write_text(json.dumps(values))
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.data", str(job)], cwd=ROOT, stdin=subprocess.PIPE
    )
    memory = Memory(process.pid)
    process.wait()
    seconds = time.perf_counter() - started
    peak, anonymous = memory.stop()
    print(
        f"{work:<10} {seconds:>8.1f} {size / 1e6 / seconds:>6.1f} "
        f"{peak / 2**20:>9.0f} {anonymous / 2**20:>14.0f}",
        flush=True,
    )
    answer = json.loads((job / "result.json").read_text())
    result: dict[str, Any] = answer["result"]
    return result


class Memory:
    """The largest memory of a process and its children together, looked at 5 times a second."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._resident = self._anonymous = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            pages = [pages_of(pid) for pid in [self._pid, *children(self._pid)]]
            self._resident = max(self._resident, sum(resident for resident, _ in pages))
            self._anonymous = max(
                self._anonymous, sum(resident - mapped for resident, mapped in pages)
            )

    def stop(self) -> tuple[int, int]:
        """Bytes, with and without the pages of mapped files."""
        self._over.set()
        self._thread.join()
        return self._resident * PAGE, self._anonymous * PAGE


def children(pid: int) -> list[int]:
    found = [
        int(child)
        for task in Path(f"/proc/{pid}/task").glob("*/children")
        for child in task.read_text().split()
    ]
    return found + [grandchild for child in found for grandchild in children(child)]


def pages_of(pid: int) -> tuple[int, int]:
    """Resident pages, and those of them that belong to files; nothing once it has ended."""
    try:
        _, resident, mapped, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
    except (OSError, ValueError):
        return 0, 0
    return resident, mapped


if __name__ == "__main__":
    main()
