"""Numbers as JSON can say them: it has no word for NaN and the infinities, JavaScript has."""

from __future__ import annotations

import math
from typing import Literal

Word = float | Literal["NaN", "Infinity", "-Infinity"]


def word(value: float) -> Word:
    if math.isfinite(value):
        return float(value)
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
