"""Makes static/data/next-tokens.json: what a real model expects after a few texts.

    PYTHONPATH=. .venv/bin/python tools/next_tokens.py <folder of SmolLM2-135M>

The pages of “Temperature”, “Top-k sampling” and “Nucleus sampling” show it.
`python -m workers.training.models.smollm2 <folder>` makes such a folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from workers.models.playground.loaded import Loaded, load
from workers.models.playground.spread import spread

MADE = Path(__file__).parent.parent / "static/data/next-tokens.json"
MODEL = "SmolLM2-135M-Instruct"
PROMPTS = (
    "Once upon a time, there was a little",
    "The capital of France is",
    "I would like a cup of",
    "She opened the door and saw",
    "Le chat est assis sur le",
)


def main(folder: Path) -> None:
    loaded = load(folder, "cpu")
    lines = [json.dumps(expected(loaded, text), ensure_ascii=False) for text in PROMPTS]
    MADE.parent.mkdir(exist_ok=True)
    body = ",\n".join(lines)
    MADE.write_text(f'{{"model": "{MODEL}", "prompts": [\n{body}\n]}}\n', encoding="utf-8")


def expected(loaded: Loaded, text: str) -> dict[str, object]:
    with torch.no_grad():
        logits = loaded.model(**loaded.tokenizer(text, return_tensors="pt")).logits[0, -1]
    return {"text": text, **spread(logits, loaded.text_of)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
