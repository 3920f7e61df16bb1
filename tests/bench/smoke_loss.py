"""How far a recipe comes at the smoke scale, and how long that takes on this machine.

    python -m tests.bench.smoke_loss shakespeare.txt gpt2-125m llama-7b

The trainer runs as a worker starts it; the goal is below 2.6 nats per character on
tinyshakespeare (a unigram model has 3.35, a bigram model 2.48) within about two minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from llmhub.lib import metric_names as names
from llmhub.recipes import content, scales
from llmhub.recipes.estimate import count_parameters
from llmhub.recipes.specs import PretrainSpec
from tests.training.hub import hub
from tests.training.small import Place, data_file
from workers.data.reading.source import DataFile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("recipes", nargs="*", help="their slugs; all that train if none")
    arguments = parser.parse_args()
    text = data_file(arguments.text.resolve())
    for recipe in content.load():
        wanted = not arguments.recipes or recipe.slug in arguments.recipes
        if wanted and isinstance(recipe.spec, PretrainSpec):
            measure(recipe.slug, scales.smoke(recipe.spec, device=None), text)


def measure(slug: str, spec: PretrainSpec, text: DataFile) -> None:
    with tempfile.TemporaryDirectory() as folder, hub() as taken:
        attempt = Place(Path(folder), text).attempt(spec, taken.url)
        started = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "workers.training.run", str(attempt.path)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.monotonic() - started
        outcome = json.loads(attempt.result.read_text())["outcome"]
        last = list(taken.series(names.VAL_NATS_PER_CHAR.name).values())[-1]
    print(
        f"{slug}: {outcome}, {count_parameters(spec.model):,} parameters, "
        f"{spec.training.max_steps} steps, {last:.3f} nats per character, {seconds:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
