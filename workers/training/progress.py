"""How far a training is; part of every checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Progress:
    step: int = 0  # steps made
    tokens: int = 0  # seen by those steps
    seconds: float = 0.0  # spent in them, over all attempts
    not_finite: int = 0  # steps in a row whose loss or gradient was no number

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
