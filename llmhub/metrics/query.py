"""Reading: the curves of a run as they hold, from the beginning or from a page's cursor."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NotRequired, TypedDict

from llmhub.lib import metric_names
from llmhub.lib.batches import MAX_NAMES
from llmhub.metrics import merge, thin, wire
from llmhub.metrics.codec import Points
from llmhub.metrics.merge import Stored
from llmhub.metrics.models import Batch, Series, Stream
from llmhub.metrics.wire import Columns
from llmhub.runs.models import Run


class Snapshot(TypedDict):
    run: int
    epoch: int
    rev: int
    # The answer begins at the beginning: what the page had before holds no longer.
    reset: bool
    columns: Columns
    # Points were left out of long curves, but no extreme one.
    thinned: NotRequired[bool]


class BadQuery(ValueError):
    """What is wrong with what was asked for."""


def names_in(text: str) -> list[str] | None:
    """The metrics of a comma-separated list; None for all."""
    names = [name for name in text.split(",") if name]
    if len(names) > MAX_NAMES or not all(map(metric_names.is_valid, names)):
        raise BadQuery(f"names: at most {MAX_NAMES} names of metrics, separated by commas")
    return names or None


def points(
    run: Run,
    since: int | None = None,
    epoch: int | None = None,
    names: Sequence[str] | None = None,
) -> Snapshot:
    """What is new after the cursor (`since`, `epoch`), or everything where the cursor is void."""
    stream = Stream.objects.filter(pk=run.pk).first() or Stream(run=run)
    reset = since is None or epoch != stream.epoch or not 0 <= since <= stream.rev
    start = 0 if reset or since is None else since
    found, is_thinned = thin.thinned(merged(stream, start, names))
    answer: Snapshot = {
        "run": run.pk,
        "epoch": stream.epoch,
        "rev": stream.rev,
        "reset": reset,
        "columns": wire.write(found),
    }
    if is_thinned:
        answer["thinned"] = True
    return answer


def merged(stream: Stream, since: int = 0, names: Sequence[str] | None = None) -> Points:
    """What holds of the batches after `since`, up to the revision of this stream."""
    batches = Batch.objects.filter(run_id=stream.pk, rev__gt=since, rev__lte=stream.rev)
    if names is not None:
        batches = batches.filter(names__overlap=list(names))
    rows = batches.order_by("rev").values_list("attempt__number", "rows", "names", "data")
    stored = (Stored(*row) for row in rows.iterator(chunk_size=2000))
    return merge.merged(stored, stream.first_steps, names)


def series(
    run_ids: Iterable[int], names: Iterable[str] | None = None
) -> dict[int, dict[str, Series]]:
    """The summaries of many runs by run and name, in one query."""
    rows = Series.objects.filter(run_id__in=list(run_ids))
    if names is not None:
        rows = rows.filter(name__in=list(names))
    found: dict[int, dict[str, Series]] = defaultdict(dict)
    for row in rows.order_by("name"):
        found[row.run_id][row.name] = row
    return dict(found)
