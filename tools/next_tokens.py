"""Makes static/data/next-tokens.json: what a real model expects after a few texts.

    .venv/bin/python tools/next_tokens.py <folder of SmolLM2-135M>

The page of “Sampling” shows it. The likeliest tokens are kept with their logits; the others as
bins of a tenth of a nat, each with how many tokens it holds: from both the distribution follows
at any temperature.
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).parent.parent
MADE = ROOT / "static/data/next-tokens.json"
MODEL = "SmolLM2-135M-Instruct"
PROMPTS = (
    "The capital of France is",
    "Once upon a time, there was a little",
    "I would like a cup of",
    "She opened the door and saw",
    "Le chat est assis sur le",
)
LIKELIEST = 200
BIN = 0.1


def main(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32
    ).eval()
    made = {"model": MODEL, "prompts": [expected(model, tokenizer, text) for text in PROMPTS]}
    MADE.parent.mkdir(exist_ok=True)
    lines = json.dumps(made, ensure_ascii=False, separators=(",", ":")).replace(
        '{"text"', '\n{"text"'
    )
    MADE.write_text(lines + "\n", encoding="utf-8")


def expected(model: Any, tokenizer: Any, text: str) -> dict[str, Any]:
    with torch.no_grad():
        logits = model(**tokenizer(text, return_tensors="pt")).logits[0, -1].double()
    # From the likeliest downwards, which is all that softmax sees.
    logits = logits - logits.max()
    order = torch.argsort(logits, descending=True)
    best = order[:LIKELIEST]
    tokens = [
        [tokenizer.decode([token]), round(value, 3)]
        for token, value in zip(best.tolist(), logits[best].tolist(), strict=True)
    ]
    return {"text": text, "tokens": tokens, "rest": bins(logits[order[LIKELIEST:]])}


def bins(logits: Tensor) -> list[list[float]]:
    """[logit, count]: the mean of a bin is taken where probabilities are added up."""
    found: dict[int, list[float]] = defaultdict(list)
    for value in logits.tolist():
        found[math.floor(value / BIN)].append(value)
    return [
        [round(math.log(sum(map(math.exp, values)) / len(values)), 3), len(values)]
        for _, values in sorted(found.items(), reverse=True)
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
