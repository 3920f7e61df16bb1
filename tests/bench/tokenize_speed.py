"""How fast and in how much memory data are tokenized, beside the bare library.

    python -m tests.bench.tokenize_speed [--megabytes 100] [--rounds 3]

The data are Python's documentation and standard library, cut into rows of about a kilobyte and
shuffled: once as JSON lines, once as one text. In each round the library encodes the same texts,
which are in memory already, in the same batches, and throws the ids away; then `tokenized` checks,
reads, divides, encodes, writes and hashes. Learning the tokenizer is not counted; it is shown. Exit
code 1 when `tokenized` is slower than 0.8 of the library or takes a gigabyte.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from pydoc_data.topics import topics
from time import perf_counter
from typing import Any

from tokenizers import Tokenizer

from llmhub.lib import manifest
from llmhub.lib.rows.kinds import Kind
from workers.data.reading.source import DataFile, Reading, Source
from workers.data.tokens.sequences import Sequences
from workers.data.tokens.tokenized import Choice, tokenized
from workers.process import ROOT

CHOICE = Choice("bpe", vocab_size=8192, validation_share=0.1)
ROW = 1_000  # characters
LEAST_RATIO = 0.8
MOST_BYTES = 1 << 30

ALONE = """
import json, sys
from pathlib import Path
from workers.data.reading.source import Source
from workers.data.tokens.tokenized import Choice, tokenized

source, choice = map(json.loads, sys.argv[1:3])
tokenized(Source.parse(source), Choice.parse(choice), Path(sys.argv[3]), lambda line: None)
# Not ru_maxrss, which begins with what the parent had.
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    size = arguments.megabytes * 1_000_000
    passed = True
    for write in (write_rows, write_text):
        with tempfile.TemporaryDirectory() as folder:
            passed &= report_memory(write, Path(folder), [size // 2, size])
            passed &= report_speed(write(Path(folder), size), Path(folder), arguments.rounds)
    return 0 if passed else 1


def passages(size: int) -> Iterator[str]:
    """Of `size` characters together. Each time round, the texts are cut at other places."""
    draw = random.Random(1)
    library = Path(sysconfig.get_path("stdlib"))
    files = (path for path in sorted(library.rglob("*.py")) if "site-packages" not in path.parts)
    whole = "\n".join([*topics.values(), *(path.read_text(errors="ignore") for path in files)])
    whole = whole.replace("\0", "")
    left = size // ROW
    while left > 0:
        starts = list(range(draw.randrange(ROW), len(whole) - ROW, ROW))
        draw.shuffle(starts)
        yield from (whole[start : start + ROW] for start in starts[:left])
        left -= len(starts)


def write_rows(folder: Path, size: int) -> Source:
    path = folder / "rows.jsonl"
    with path.open("w") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in passages(size))
    return Source([data_file(path)], Reading("jsonl", Kind.TEXT, {"text": "text"}))


def write_text(folder: Path, size: int) -> Source:
    path = folder / "text.txt"
    with path.open("w", newline="") as file:
        file.writelines(passages(size))
    return Source([data_file(path)], Reading("text", Kind.TEXT, {}))


def data_file(path: Path) -> DataFile:
    return DataFile(path.name, path, manifest.file_hash(path), path.stat().st_size)


def report_memory(write: Callable[[Path, int], Source], folder: Path, sizes: Sequence[int]) -> bool:
    peaks = []
    for size in sizes:
        source = write(folder, size)
        peaks.append(peak_bytes(source, folder / f"memory-{size}"))
        print(f"{name(source)}: {peaks[-1] / 1e6:,.0f} MB of memory at most", flush=True)
    return max(peaks) < MOST_BYTES


def peak_bytes(source: Source, cache: Path) -> int:
    files = [vars(file) | {"path": str(file.path)} for file in source.files]
    values = {"files": files, "reading": source.reading.as_json()}
    asked = [json.dumps(values), json.dumps(asdict(CHOICE)), str(cache)]
    command = [sys.executable, "-c", ALONE, *asked]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return 1024 * int(done.stdout)


def report_speed(source: Source, folder: Path, rounds: int) -> bool:
    tokenizer = tokenized(source, CHOICE, folder / "first", ignore).tokenizer
    batches = texts(source)
    ratios = []
    for number in range(rounds):
        bare = encode_barely(tokenizer, batches)
        phases = time_of_phases(source, folder / f"round-{number}")
        learning = phases.pop("learning")
        ratios.append(bare / sum(phases.values()))
        shown = ", ".join(f"{phase} {seconds:.1f}" for phase, seconds in phases.items())
        print(
            f"{name(source)}: library {bare:.1f} s; {shown} s: {ratios[-1]:.2f} of its speed "
            f"(and {learning:.1f} s of learning)",
            flush=True,
        )
    ratio = statistics.median(ratios)
    print(f"{name(source)}: median {ratio:.2f}, at least {LEAST_RATIO} wanted", flush=True)
    return ratio >= LEAST_RATIO


def texts(source: Source) -> list[list[str]]:
    sequences = Sequences.of(source, CHOICE.validation_share, CHOICE.template, ignore)
    return [
        [stretch.segment.text for stretch in batch.stretches if not stretch.segment.special]
        for batch in sequences.batches(ignore)
    ]


def encode_barely(tokenizer: Tokenizer, batches: Sequence[Sequence[str]]) -> float:
    """Seconds. A copy of the tokenizer, so that it has met no word before."""
    fresh = Tokenizer.from_str(tokenizer.to_str())
    fresh.encode_special_tokens = True
    started = perf_counter()
    for batch in batches:
        fresh.encode_batch_fast(batch, add_special_tokens=False)
    return perf_counter() - started


def time_of_phases(source: Source, cache: Path) -> dict[str, float]:
    """Seconds of checking and counting, of learning, and of all that comes after."""
    marks = {"counting": perf_counter()}

    def report(phase: str, done: float, total: float) -> None:
        # The first half of learning is the pass that counts the characters of the parts.
        if phase == "tokenizing" or done > total / 2:
            marks.setdefault(phase, perf_counter())

    tokenized(source, CHOICE, cache, ignore, report)
    ends = [*marks.values(), perf_counter()]
    return {phase: end - start for phase, (start, end) in zip(marks, pairwise(ends), strict=True)}


def name(source: Source) -> str:
    (file,) = source.files
    return f"{file.name} of {file.bytes / 1e6:.0f} MB"


def ignore(*told: Any) -> None:
    pass


if __name__ == "__main__":
    sys.exit(main())
