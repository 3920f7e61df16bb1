"""What a trainer's process takes on a processor besides what a probe counts.

    python -m tests.bench.process_memory

Each line is a short training in a process of its own: the most that it had in memory, what the
probe said, and the difference: Python, torch and transformers. `PROCESS_BYTES` in
`llmhub/recipes/estimate.py` comes from here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from llmhub.lib.rundir import AttemptDir
from llmhub.recipes.specs import Spec
from tests.training import alignment, small
from tests.training.alignment import Alignments
from tests.training.hub import hub
from tests.training.small import Place, write_text
from workers.training import probe

SMALL_BASE = {"model": alignment.MODEL.model_dump(), "is_tied": False}
LARGE = {"model__n_embd": 512, "model__n_layer": 8, "model__n_inner": 2048, "model__n_head": 8}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, hub() as taken:
        for name, spec, attempt in attempts(Path(folder), taken.url):
            report(name, spec, attempt)


def attempts(folder: Path, url: str) -> Iterator[tuple[str, Spec, AttemptDir]]:
    place = Place(folder, write_text(folder / "text.txt"))
    aligned = Alignments(folder)
    trainings = {
        "pretrain GPT-2": small.spec(),
        "pretrain Llama": small.spec("llama"),
        "pretrain GPT-2, larger": small.spec(**LARGE),
        "pretrain GPT-2, larger, bf16": small.spec(**LARGE, runtime__precision="bf16"),
    }
    for number, (name, spec) in enumerate(trainings.items(), start=1):
        yield name, spec, place.attempt(spec, url, number)
    for objective in alignment.TRAINING:
        for rank in (0, 4):
            name = f"{objective} with adapters" if rank else objective
            spec_ = alignment.spec(objective, lora__rank=rank)
            yield name, spec_, aligned.attempt(spec_, name, url)


def report(name: str, spec: Spec, attempt: AttemptDir) -> None:
    module = [sys.executable, "-m", "workers.training.run", str(attempt.path)]
    subprocess.run(module, check=True, stdout=subprocess.DEVNULL)
    used = json.loads(attempt.result.read_text())["used"]["peak_bytes"]
    counted = probe.probe(spec, SMALL_BASE, torch.device("cpu"))["peak_bytes"]
    sizes = f"{used / 1e6:7.1f} MB used {counted / 1e6:7.1f} counted"
    print(f"{name:32} {sizes} {(used - counted) / 1e6:7.1f} besides", flush=True)


if __name__ == "__main__":
    main()
