"""What tables show of each metric, kept up with every batch so that no table reads points."""

from __future__ import annotations

import numpy as np

from llmhub.metrics.codec import Column, Floats, Ints, Points
from llmhub.metrics.models import Series

SPARK_VALUES = 64


def update(run_id: int, points: Points) -> dict[str, Series]:
    """Adds points to the run's summaries: one read, one statement, under the Stream's lock."""
    names = [name for name, (present, _) in points.series.items() if present.any()]
    known = {row.name: row for row in Series.objects.filter(run_id=run_id, name__in=names)}
    rows = {name: known.get(name) or Series(run_id=run_id, name=name) for name in names}
    for name, row in rows.items():
        _add(row, points, points.series[name])
    _save(list(rows.values()))
    return rows


def rebuild(run_id: int, points: Points) -> dict[str, Series]:
    """Makes the run's summaries anew: points that were counted hold no longer."""
    Series.objects.filter(run_id=run_id).delete()
    return update(run_id, points)


def _save(rows: list[Series]) -> None:
    fields = [field.name for field in Series._meta.concrete_fields]
    updated = [name for name in fields if name not in ("id", "run", "name")]
    for row in rows:
        row.pk = None
    Series.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["run", "name"], update_fields=updated
    )


def _add(row: Series, points: Points, column: Column) -> None:
    at = np.flatnonzero(column.present)
    steps, values = points.steps[at], column.values[at]
    finite = np.isfinite(values)
    _add_last(row, steps, values)
    if finite.any():
        _add_extremes(row, steps[finite], values[finite])
        _add_spark(row, values[finite])
    row.count += len(values)
    row.not_finite += int((~finite).sum())


def _add_last(row: Series, steps: Ints, values: Floats) -> None:
    newest = len(steps) - 1 - int(np.argmax(steps[::-1]))
    if row.last_step is None or steps[newest] >= row.last_step:
        row.last, row.last_step = float(values[newest]), int(steps[newest])


def _add_extremes(row: Series, steps: Ints, values: Floats) -> None:
    low, high = int(np.argmin(values)), int(np.argmax(values))
    if row.min is None or values[low] < row.min:
        row.min, row.min_step = float(values[low]), int(steps[low])
    if row.max is None or values[high] > row.max:
        row.max, row.max_step = float(values[high]), int(steps[high])


def _add_spark(row: Series, values: Floats) -> None:
    """Every `spark_stride`-th finite value; the stride doubles whenever there are too many."""
    seen = row.count - row.not_finite
    first = -seen % row.spark_stride
    row.spark = [*row.spark, *values[first :: row.spark_stride].tolist()]
    while len(row.spark) > SPARK_VALUES:
        row.spark = row.spark[::2]
        row.spark_stride *= 2
