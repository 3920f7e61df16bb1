"""What tables show of each metric, kept up with every batch so that no table reads points."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from llmhub.lib.batches import MAX_NAMES_OF_RUN
from llmhub.metrics import stored, windows
from llmhub.metrics.codec import Column, Floats, Ints, Points
from llmhub.metrics.levels import Buckets
from llmhub.metrics.models import Series
from llmhub.metrics.windows import Curve, Window
from llmhub.metrics.wire import BadPoints

SPARK_VALUES = 64
# Of so many metrics at once the curves are read to make their summaries anew.
AT_ONCE = 100


def update(run_id: int, points: Points) -> dict[str, Series]:
    """Adds points to the run's summaries: one read, one statement, under the Stream's lock.

    The points are stored already, in the order of their steps. Where they do not all come after
    what is known of a metric, they may replace some of it: that summary is made anew.
    """
    names = [name for name, (present, _) in points.series.items() if present.any()]
    known = {row.name: row for row in Series.objects.filter(run_id=run_id, name__in=names)}
    _check_names(run_id, len(names) - len(known))
    rows = {name: known.get(name) or Series(run_id=run_id, name=name) for name in names}
    late = [name for name, row in rows.items() if not _is_later(row, points)]
    anew = _anew(run_id, late) if late else {}
    for name, row in rows.items():
        if name not in anew:
            _add(row, points.steps, points.series[name])
    rows |= anew
    _save(list(rows.values()))
    return rows


def rebuild(run_id: int, new_names: Collection[str]) -> dict[str, Series]:
    """Makes all of the run's summaries anew: points that were counted hold no longer."""
    known = Series.objects.filter(run_id=run_id)
    names = sorted({*known.values_list("name", flat=True), *new_names})
    _check_names(run_id, len(names), of_known=0)
    known.delete()
    rows: dict[str, Series] = {}
    for start in range(0, len(names), AT_ONCE):
        rows |= _anew(run_id, names[start : start + AT_ONCE])
    _save(list(rows.values()))
    return rows


def _check_names(run_id: int, new: int, of_known: int | None = None) -> None:
    if not new:
        return
    known = Series.objects.filter(run_id=run_id).count() if of_known is None else of_known
    if known + new > MAX_NAMES_OF_RUN:
        raise BadPoints(f"series: a run has at most {MAX_NAMES_OF_RUN} names")


def _is_later(row: Series, points: Points) -> bool:
    if row.last_step is None:
        return True
    first = int(np.argmax(points.series[row.name].present))
    return bool(points.steps[first] > row.last_step)


def _anew(run_id: int, names: Collection[str]) -> dict[str, Series]:
    """From the points as they hold, or their buckets, which know all that a summary has."""
    sources = stored.sources([run_id])
    curves = windows.read(sources, list(names), Window(px=SPARK_VALUES))
    rows: dict[str, Series] = {}
    for (_, name), curve in curves.items():
        if len(curve.buckets):
            rows[name] = _summary(Series(run_id=run_id, name=name), curve)
    _mend_last(sources, rows, curves)
    return rows


def _summary(row: Series, curve: Curve) -> Series:
    buckets = curve.buckets
    if not curve.level:
        present = np.ones(len(buckets), bool)
        _add(row, buckets.first_steps, Column(present, buckets.last))
        return row
    finite = buckets.count > 0
    row.count = buckets.points
    row.not_finite = int(buckets.not_finite.sum())
    row.last, row.last_step = float(buckets.last[-1]), int(buckets.last_steps[-1])
    if finite.any():
        _add_bucket_extremes(row, buckets.take(finite))
        row.spark = buckets.last[finite].tolist()
        row.spark_stride = -(-(row.count - row.not_finite) // len(row.spark))
        _shorten(row)
    return row


def _add_bucket_extremes(row: Series, buckets: Buckets) -> None:
    low, high = int(np.argmin(buckets.min)), int(np.argmax(buckets.max))
    row.min, row.min_step = float(buckets.min[low]), int(buckets.min_steps[low])
    row.max, row.max_step = float(buckets.max[high]), int(buckets.max_steps[high])


def _mend_last(
    sources: list[stored.Source],
    rows: Mapping[str, Series],
    curves: Mapping[tuple[int, str], Curve],
) -> None:
    """A bucket knows its last finite value; what the metric ended with may be none."""
    doubtful = {
        name: int(curve.buckets.first_steps[-1])
        for (_, name), curve in curves.items()
        if curve.level and curve.buckets.not_finite[-1]
    }
    if not doubtful:
        return
    # As many pixels as points: every point is read.
    window = Window(low=min(doubtful.values()), px=stored.LAST // 8)
    for (_, name), curve in windows.read(sources, list(doubtful), window).items():
        rows[name].last = float(curve.buckets.last[-1])


def _save(rows: list[Series]) -> None:
    fields = [field.name for field in Series._meta.concrete_fields]
    updated = [name for name in fields if name not in ("id", "run", "name")]
    for row in rows:
        row.pk = None
    Series.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["run", "name"], update_fields=updated
    )


def _add(row: Series, all_steps: Ints, column: Column) -> None:
    at = np.flatnonzero(column.present)
    steps, values = all_steps[at], column.values[at]
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
    _shorten(row)


def _shorten(row: Series) -> None:
    while len(row.spark) > SPARK_VALUES:
        row.spark = row.spark[::2]
        row.spark_stride *= 2
