from __future__ import annotations

import pytest

from tests.training import small
from tests.training.small import Place
from workers.training.reporter import NullReporter, duration
from workers.training.want import Want


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (7_290, "2 h 01 min")],
)
def test_durations_read_well(seconds: float, text: str):
    assert duration(seconds) == text


def test_a_training_needs_nobody_to_report_to(place: Place):
    trainer = place.trainer(small.spec(), NullReporter())

    assert trainer.train() is Want.RUN
    assert trainer.progress.step == 6
