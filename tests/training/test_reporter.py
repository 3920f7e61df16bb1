from __future__ import annotations

import pytest

from workers.training.reporter import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (7_290, "2 h 01 min")],
)
def test_durations_read_well(seconds: float, text: str):
    assert duration(seconds) == text
