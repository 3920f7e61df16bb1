"""Bars of a distribution as numbers for an SVG: the page may carry no style of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 320.0, 80.0
GAP = 0.5


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    low: int
    high: int
    count: int


@dataclass(frozen=True)
class Histogram:
    """Classes grow by a factor and are drawn with equal widths: a logarithmic axis."""

    bars: list[Bar]
    low: int
    high: int

    @classmethod
    def of(cls, counted: Mapping[str, Sequence[int]]) -> Histogram:
        edges, counts = counted["edges"], counted["counts"]
        width, most = WIDTH / max(1, len(counts)), max(counts, default=0) or 1
        bars = [
            Bar(
                x=round(i * width, 2),
                y=round(HEIGHT * (1 - count / most), 2),
                width=round(width - GAP, 2),
                height=round(HEIGHT * count / most, 2),
                low=edges[i],
                high=edges[i + 1] - 1,
                count=count,
            )
            for i, count in enumerate(counts)
        ]
        return cls(bars, edges[0], edges[-1] - 1)
