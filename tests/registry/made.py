"""Checkpoints with real files, as a trainer leaves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from llmhub.lib import manifest
from llmhub.runs.models import Checkpoint, Run
from tests.factories import make_attempt

CONFIG = {"architectures": ["GPT2LMHeadModel"], "n_positions": 64, "vocab_size": 256}


def write_checkpoint(place: Path, step: int = 20, val_loss: float | None = 2.5) -> Path:
    """Files of the names and kinds of a real one, with few weights."""
    place.mkdir(parents=True)
    (place / "config.json").write_text(json.dumps(CONFIG))
    (place / "tokenizer.json").write_text("{}")
    save_file({"wte": np.full((4, 3), step, np.float32)}, place / "model.safetensors")
    save_file({"wte/exp_avg": np.zeros((4, 3), np.float32)}, place / "optimizer.safetensors")
    (place / "rng.pt").write_bytes(b"generators")
    (place / "state.json").write_text(json.dumps({"step": step}))
    manifest.write(place, step=step, val_loss=val_loss)
    return place


def make_checkpoint(run: Run, place: Path, step: int = 20, **fields: Any) -> Checkpoint:
    """A row, and its folder below `place`."""
    folder = place / f"step-{step}"
    if not folder.exists():
        write_checkpoint(folder, step)
    attempt = run.attempts.first() or make_attempt(run, state=None)[0]
    values = {
        "path": str(folder),
        "bytes": manifest.size(folder),
        "manifest_sha256": manifest.digest(folder),
        "val_loss": 2.5,
    }
    return Checkpoint.objects.create(run=run, attempt=attempt, step=step, **(values | fields))
