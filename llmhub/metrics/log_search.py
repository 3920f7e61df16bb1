"""Where a text stands in the console output of an attempt: the newest lines first.

A plain text, in whatever case: a regular expression that a person types may need for ever.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypedDict

from django.db.models import QuerySet

from llmhub.metrics.models import LogChunk
from llmhub.runs.models import Run

MAX_QUERY = 200
# Of one answer; `next` says where to go on.
MAX_MATCHES = 100
MAX_BYTES = 32 * 1024 * 1024
MAX_SECONDS = 0.5
# A line is shown so long, from a little before what was found in it.
MAX_LINE = 400
BEFORE = 80
# Pieces that are read in one query.
AT_ONCE = 8
# What is longer without a break counts as a line.
LONGEST_LINE = 64 * 1024
# A progress bar writes its lines over each other.
BREAK = re.compile(r"[\r\n]")


class Match(TypedDict):
    """A line that holds what was sought."""

    # Of its bytes in the log.
    offset: int
    end: int
    text: str
    # Of characters in `text`.
    spans: list[tuple[int, int]]


class Found(TypedDict):
    run: int
    attempt: int | None
    matches: list[Match]
    # Everything from this offset on was searched; null where all was.
    next: int | None


@dataclass(frozen=True)
class Stretch:
    """Whole lines of the log, and where they begin in it."""

    offset: int
    text: str


def search(run: Run, query: str, number: int | None = None, before: int | None = None) -> Found:
    """Lines that hold `query`, before an offset or from the end back."""
    written = LogChunk.objects.filter(attempt__run=run)
    if number is None:
        numbers = written.order_by("-attempt__number").values_list("attempt__number", flat=True)
        number = numbers.first()
    found: Found = {"run": run.pk, "attempt": number, "matches": [], "next": None}
    query = query[:MAX_QUERY]
    if not query or number is None:
        return found
    pattern = re.compile(re.escape(query), re.IGNORECASE)
    until, seen = time.monotonic() + MAX_SECONDS, 0
    for stretch in stretches(written.filter(attempt__number=number), before):
        for match in matches(stretch, pattern):
            found["matches"].append(match)
            if len(found["matches"]) == MAX_MATCHES:
                found["next"] = match["offset"]
                return found
        seen += len(stretch.text)
        # Each answer gets further than the one before it.
        if stretch.text and (seen > MAX_BYTES or time.monotonic() > until):
            found["next"] = stretch.offset or None
            return found
    return found


def newest_first(chunks: QuerySet[LogChunk], before: int | None) -> Iterator[LogChunk]:
    """A few at a time: a log is long, and most of it is not looked at."""
    while True:
        earlier = chunks if before is None else chunks.filter(offset__lt=before)
        some = list(earlier.order_by("-offset")[:AT_ONCE])
        yield from some
        if len(some) < AT_ONCE:
            return
        before = some[-1].offset


def stretches(chunks: QuerySet[LogChunk], before: int | None) -> Iterator[Stretch]:
    """The log from its end to its beginning, torn only where lines end."""
    rest = ""
    for chunk in newest_first(chunks, before):
        text = up_to(chunk, before) + rest
        first = BREAK.search(text)
        if chunk.offset > 0 and (first or len(text) < LONGEST_LINE):
            # How this line begins is in the piece before.
            head = first.end() if first else len(text)
            rest, whole = text[:head], text[head:]
            yield Stretch(chunk.offset + len(rest.encode()), whole)
        else:
            rest = ""
            yield Stretch(chunk.offset, text)
    if rest:
        yield Stretch(0, rest)


def up_to(chunk: LogChunk, before: int | None) -> str:
    if before is None or before >= chunk.end:
        return chunk.text
    return chunk.text.encode()[: before - chunk.offset].decode("utf-8", "ignore")


def matches(stretch: Stretch, pattern: re.Pattern[str]) -> Iterator[Match]:
    """The lines that hold it, from the last to the first."""
    lines: dict[tuple[int, int], list[tuple[int, int]]] = {}
    start = end = -1
    for hit in pattern.finditer(stretch.text):
        if hit.start() >= end:
            start, end = line_around(stretch.text, hit.start(), hit.end())
        lines.setdefault((start, end), []).append(hit.span())
    for (start, end), hits in reversed(lines.items()):
        yield shown(stretch, start, end, hits)


def line_around(text: str, start: int, end: int) -> tuple[int, int]:
    begins = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
    after = BREAK.search(text, end)
    return begins, after.start() if after else len(text)


def shown(stretch: Stretch, start: int, end: int, hits: list[tuple[int, int]]) -> Match:
    offset = stretch.offset + len(stretch.text[:start].encode())
    left = max(start, hits[0][0] - BEFORE) if end - start > MAX_LINE else start
    text = stretch.text[left : min(end, left + MAX_LINE)]
    return {
        "offset": offset,
        "end": offset + len(stretch.text[start:end].encode()),
        "text": text,
        "spans": [(a - left, b - left) for a, b in hits if b - left <= len(text)],
    }
