"""nanoGPT's run for a CPU, with our trainer: characters of Shakespeare, 2,000 steps.

    python -m tests.bench.shakespeare tinyshakespeare.txt

Its README names a validation loss of about 1.88 nats per character. It measures that on 20 random
batches; here every window of the last tenth of the text counts.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import monotonic

from llmhub.lib import metric_names as names
from llmhub.recipes import specs
from tests.training.small import Place, Recorder, data_file

SPEC = {
    "objective": "pretrain",
    "model": {
        "architecture": "gpt2",
        # Of which the text has 65 characters; the rest is never seen.
        "vocab_size": 256,
        "n_positions": 64,
        "n_embd": 128,
        "n_layer": 4,
        "n_head": 4,
        "n_inner": 512,
        "dropout": 0.0,
    },
    "training": {
        "batch_size": 12,
        "micro_batch_size": 12,
        "max_steps": 2000,
        "learning_rate": 1e-3,
        "min_lr": 1e-4,
        "lr_schedule": "cosine",
        "warmup_steps": 100,
        "weight_decay": 0.1,
        "adam_beta2": 0.99,
        "grad_clip": 1.0,
    },
    "data": {"tokenizer": "characters", "validation_share": 0.1},
    "runtime": {"eval_every": 500, "eval_sequences": 1_000_000, "checkpoint_every": 2000},
}


class Talking(Recorder):
    def say(self, text: str) -> None:
        print(text, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    text = data_file(parser.parse_args().text.resolve())
    with tempfile.TemporaryDirectory() as folder:
        recorder, started = Talking(), monotonic()
        Place(Path(folder), text).trainer(specs.parse(SPEC), recorder).train()
        losses = recorder.series(names.VAL_LOSS.name)
    print(f"validation loss {losses[2000]:.4f} after {monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
