"""What open pages are told of new points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NotRequired, TypedDict

from llmhub.jobs import live
from llmhub.lib.json_floats import word
from llmhub.metrics import wire
from llmhub.metrics.codec import Points
from llmhub.metrics.models import Series, Stream
from llmhub.metrics.wire import Columns, Value
from llmhub.runs.live import run_topic
from llmhub.runs.models import Run

# A larger batch is announced without its columns, and pages fetch it.
MAX_VALUES = 5_000


class PointsMessage(TypedDict):
    """The batches after `from_rev` up to `to_rev`, to those who watch the run."""

    type: Literal["points"]
    run: int
    epoch: int
    from_rev: int
    to_rev: int
    columns: NotRequired[Columns]
    # The metrics in them, where the columns are left out.
    names: NotRequired[list[str]]


class SummaryMessage(TypedDict):
    """The newest value of each metric that changed, to those who watch the project."""

    type: Literal["summary"]
    run: int
    step: int
    last: dict[str, Value]


def publish(run: Run, stream: Stream, points: Points, rows: Mapping[str, Series]) -> None:
    message: PointsMessage = {
        "type": "points",
        "run": run.pk,
        "epoch": stream.epoch,
        "from_rev": stream.rev - 1,
        "to_rev": stream.rev,
    }
    if len(points) * (len(points.series) + 2) <= MAX_VALUES:
        message["columns"] = wire.write(points)
    else:
        message["names"] = list(points.series)
    live.publish(run_topic(run.pk), dict(message))
    last = {name: row.last for name, row in rows.items() if row.last is not None}
    if last:
        summary: SummaryMessage = {
            "type": "summary",
            "run": run.pk,
            "step": max(row.last_step or 0 for row in rows.values()),
            "last": {name: word(value) for name, value in last.items()},
        }
        live.publish(live.project_topic(run.project_id), dict(summary))
