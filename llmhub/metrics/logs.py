"""The console output of attempts: pieces placed by their byte offset in the log file."""

from __future__ import annotations

import re
from typing import TypedDict

from django.db import transaction
from django.db.models import QuerySet

from llmhub.jobs.live import publish
from llmhub.metrics.models import LogChunk
from llmhub.runs.live import run_topic
from llmhub.runs.models import Attempt, Run

# One answer; whole chunks, so it may be exceeded by a part of one.
WINDOW_BYTES = 64 * 1024
MAX_CHUNK_BYTES = 256 * 1024
# Of one attempt: a trainer that prints without end must not fill the database.
MAX_LOG_BYTES = 64 * 1024 * 1024
CUT = "\n[The log is cut here; all of it is in the file on the worker.]\n"
MAX_CHUNKS = 2000
# PostgreSQL's text refuses NUL, UTF-8 refuses surrogates without their other half.
UNFIT = re.compile("[\x00\ud800-\udfff]")


class Window(TypedDict):
    run: int
    # Number of the attempt; null where nothing was written yet.
    attempt: int | None
    attempts: list[int]
    offset: int
    end: int
    text: str
    # Something lies before `offset`, after `end`.
    before: bool
    after: bool


@transaction.atomic
def append(attempt: Attempt, offset: int, text: str) -> int:
    """Stores what is new of a piece, up to the limit, and returns the offset to go on from."""
    Attempt.objects.select_for_update(no_key=True).get(pk=attempt.pk)
    raw = UNFIT.sub(_question_marks, text).encode()
    end, known = offset + len(raw), _end(attempt)
    if end <= known or known > MAX_LOG_BYTES:
        return max(end, known)
    seen = max(0, known - offset)
    if end <= MAX_LOG_BYTES:
        _store(attempt, offset + seen, end, raw[seen:].decode("utf-8", "replace"))
    else:
        kept = raw[seen : max(seen, MAX_LOG_BYTES - offset)].decode("utf-8", "ignore")
        # The mark stands for the first byte beyond the limit.
        _store(attempt, min(offset + seen, MAX_LOG_BYTES), MAX_LOG_BYTES + 1, kept + CUT)
    return end


def _question_marks(unfit: re.Match[str]) -> str:
    """As many as the character has bytes, so that offsets stay true."""
    return "?" * len(unfit[0].encode("utf-8", "surrogatepass"))


def _end(attempt: Attempt) -> int:
    newest = attempt.log_chunks.order_by("-offset").values_list("end", flat=True)
    return newest.first() or 0


def _store(attempt: Attempt, offset: int, end: int, text: str) -> None:
    attempt.log_chunks.create(offset=offset, end=end, text=text)
    message = {
        "type": "log",
        "run": attempt.run_id,
        "attempt": attempt.number,
        "offset": offset,
        "end": end,
        "text": text,
    }
    publish(run_topic(attempt.run_id), message)


def window(
    run: Run,
    number: int | None = None,
    before: int | None = None,
    after: int | None = None,
    around: int | None = None,
) -> Window:
    """A piece of an attempt's log: what follows an offset, is before or around it, or the end."""
    written = LogChunk.objects.filter(attempt__run=run)
    numbers = written.values_list("attempt__number", flat=True)
    attempts = list(numbers.order_by("attempt__number").distinct())
    number = max(attempts, default=0) if number is None else number
    chunks = written.filter(attempt__number=number)
    bounds = _bounds(chunks, before, after) if around is None else _around(chunks, around)
    nowhere = after if after is not None else before or 0
    offset, end = (bounds[0].offset, bounds[-1].end) if bounds else (nowhere, nowhere)
    shown = chunks.filter(offset__gte=offset, end__lte=end).values_list("text", flat=True)
    return {
        "run": run.pk,
        "attempt": number or None,
        "attempts": attempts,
        "offset": offset,
        "end": end,
        "text": "".join(shown) if bounds else "",
        "before": chunks.filter(offset__lt=offset).exists(),
        "after": chunks.filter(offset__gte=end).exists(),
    }


def _bounds(chunks: QuerySet[LogChunk], before: int | None, after: int | None) -> list[LogChunk]:
    """The chunks of one answer, without their texts."""
    places = chunks.only("attempt", "offset", "end")
    if after is not None:
        return _fitting(places.filter(end__gt=after).order_by("offset"))
    if before is not None:
        places = places.filter(offset__lt=before)
    return _fitting(places.order_by("-offset"))[::-1]


def _around(chunks: QuerySet[LogChunk], offset: int) -> list[LogChunk]:
    places = chunks.only("attempt", "offset", "end")
    # That which holds the offset is among the later ones.
    earlier = _fitting(places.filter(end__lte=offset).order_by("-offset"))[::-1]
    return earlier + _fitting(places.filter(end__gt=offset).order_by("offset"))


def _fitting(chunks: QuerySet[LogChunk]) -> list[LogChunk]:
    found, size = [], 0
    for chunk in chunks[:MAX_CHUNKS]:
        found.append(chunk)
        size += chunk.end - chunk.offset
        if size >= WINDOW_BYTES:
            break
    return found
