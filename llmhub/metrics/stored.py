"""Reads points and buckets of many runs: one statement a table, whatever is asked for.

The statements are written by hand: they take single columns out of packed rows, and they speak
PostgreSQL's binary protocol, in which bytes cross as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from django.db import connection, transaction
from psycopg.pq import Format

from llmhub.metrics import levels, merge
from llmhub.metrics.codec import Buffer, Points
from llmhub.metrics.levels import Buckets
from llmhub.metrics.merge import Stored

# No step and no revision is later.
LAST = 2**63 - 1


class Source(NamedTuple):
    """An attempt of a run, with what its run's stream says."""

    run: int
    epoch: int
    rev: int
    first_steps: dict[str, int]
    # None: the run has a stream and no attempt yet.
    attempt: int
    number: int
    levelled_step: int | None


class Span(NamedTuple):
    """Steps of an attempt, the last one included."""

    attempt: int
    low: int
    high: int


class Part(NamedTuple):
    """Buckets of one metric of an attempt."""

    level: int
    buckets: Buckets


@contextmanager
def snapshot() -> Iterator[None]:
    """What is read inside was all true at one moment, whatever is folded meanwhile."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def execute(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Rows, read in the binary protocol."""
    connection.ensure_connection()
    plain = psycopg.Cursor(connection.connection)
    plain.format = Format.BINARY
    with connection._prepare_cursor(plain) as cursor:  # type: ignore[attr-defined]
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if plain.description else []


def write(statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same statement for each row."""
    if not rows:
        return
    connection.ensure_connection()
    plain = psycopg.Cursor(connection.connection)
    with connection._prepare_cursor(plain) as cursor:  # type: ignore[attr-defined]
        cursor.executemany(statement, rows)


SOURCES = """
    SELECT s.run_id, s.epoch, s.rev, s.first_steps, a.id, a.number, f.levelled_step
    FROM metrics_stream s
    JOIN runs_attempt a ON a.run_id = s.run_id
    LEFT JOIN metrics_folded f ON f.attempt_id = a.id
    WHERE s.run_id = ANY(%(runs)s::bigint[])
    ORDER BY s.run_id, a.number
"""


def sources(run_ids: Sequence[int]) -> list[Source]:
    return [Source(*row) for row in execute(SOURCES, {"runs": list(run_ids)})]


# The wanted names that a row has, and their columns behind its steps and times.
_CUT = """
    CROSS JOIN LATERAL (
        SELECT array_agg(one.name ORDER BY one.place) AS names,
            string_agg(
                substring(t.data FROM t.ends[one.place] + 1
                    FOR t.ends[one.place + 1] - t.ends[one.place]),
                ''::bytea ORDER BY one.place
            ) AS columns
        FROM (
            SELECT name, array_position(t.names, name) AS place
            FROM unnest(%(names)s::varchar[]) AS name
        ) one
        WHERE one.place IS NOT NULL
    ) cut
"""
_SOME = "cut.names, substring(t.data FROM 1 FOR t.ends[1]) || cut.columns"
_ALL = "t.names, t.data"
_BATCHES = """
    SELECT t.attempt_id, a.number, t.rows, {columns}, t.is_packed
    FROM metrics_batch t JOIN runs_attempt a ON a.id = t.attempt_id {cut}
    WHERE t.run_id = ANY(%(runs)s::bigint[]) AND t.rev > %(since)s AND t.rev <= %(until)s
        AND {names} IS NOT NULL
    ORDER BY t.run_id, t.rev
"""
# Blocks do not overlap: the one in which a step lies begins with the last first step before it.
_BLOCKS = """
    SELECT DISTINCT ON (t.attempt_id, t.first_step) t.attempt_id, {columns}
    FROM unnest(%(attempts)s::bigint[], %(lows)s::bigint[], %(highs)s::bigint[])
        AS s(attempt_id, low, high)
    JOIN metrics_block t ON t.attempt_id = s.attempt_id AND t.first_step <= s.high
        AND t.last_step >= s.low AND t.first_step >= coalesce((
            SELECT max(b.first_step) FROM metrics_block b
            WHERE b.attempt_id = s.attempt_id AND b.first_step <= s.low
        ), s.low)
    {cut}
    WHERE {names} IS NOT NULL
    ORDER BY t.attempt_id, t.first_step
"""


def _statement(pattern: str, names: Sequence[str] | None) -> str:
    if names is None:
        return pattern.format(columns=_ALL, cut="", names="t.names")
    return pattern.format(columns=_SOME, cut=_CUT, names="cut.names")


def batches(
    run_ids: Sequence[int],
    names: Sequence[str] | None = None,
    since: int = 0,
    until: int = LAST,
) -> dict[int, list[Stored]]:
    """By attempt, in the order of acceptance: what is not folded, after `since` up to `until`."""
    values = {
        "runs": list(run_ids),
        "names": names and list(names),
        "since": since,
        "until": until,
    }
    found: dict[int, list[Stored]] = defaultdict(list)
    for attempt, *row in execute(_statement(_BATCHES, names), values):
        found[attempt].append(Stored(*row))
    return found


def tail(run_ids: Sequence[int], names: Sequence[str] | None = None) -> dict[int, Points]:
    """Of each attempt what is not folded, as it holds within the attempt."""
    found = batches(run_ids, names)
    return {attempt: merge.merged(stored, {}) for attempt, stored in found.items()}


def blocks(spans: Sequence[Span], names: Sequence[str] | None = None) -> dict[int, list[Any]]:
    """By attempt, in the order of their steps: (names, data) of the blocks that reach into one."""
    found: dict[int, list[tuple[list[str], Buffer]]] = defaultdict(list)
    if not spans:
        return found
    attempts, lows, highs = map(list, zip(*spans, strict=True))
    values = {
        "attempts": attempts,
        "lows": lows,
        "highs": highs,
        "names": names and list(names),
    }
    for attempt, held, data in execute(_statement(_BLOCKS, names), values):
        found[attempt].append((held, data))
    return found


# Of each group (a run, or an attempt) and name the highest level that has as many buckets inside
# as were asked for; none where every point can be shown. An attempt has all levels or none.
_LEVELS = """
    WITH inside AS MATERIALIZED (
        SELECT s.part_of, s.attempt_id, l.id, l.name, l.level, l.buckets, l.points, l.first_step,
            l.first_step >= s.low AND l.last_step <= s.high AS is_whole
        FROM unnest(%(groups)s::bigint[], %(attempts)s::bigint[], %(lows)s::bigint[],
            %(highs)s::bigint[]) AS s(part_of, attempt_id, low, high)
        JOIN metrics_level l ON l.attempt_id = s.attempt_id AND l.name = ANY(%(names)s::varchar[])
            AND l.first_step <= s.high AND l.last_step >= s.low
    ), enough AS (
        SELECT part_of, name, max(level) AS level FROM (
            SELECT part_of, name, level, sum(buckets) AS buckets, sum(points) AS points
            FROM inside WHERE is_whole GROUP BY part_of, name, level
        ) counted
        WHERE buckets >= %(wanted)s AND points > 4 * %(wanted)s::bigint GROUP BY part_of, name
    )
    SELECT i.attempt_id, i.name, l.level, l.data
    FROM inside i JOIN enough USING (part_of, name, level) JOIN metrics_level l USING (id)
    ORDER BY i.attempt_id, i.name, i.first_step
"""


def levels_of(
    groups: Sequence[int], spans: Sequence[Span], names: Sequence[str], wanted: int
) -> dict[tuple[int, str], Part]:
    """By attempt and name; nothing where no level has so many buckets."""
    if not spans:
        return {}
    attempts, lows, highs = map(list, zip(*spans, strict=True))
    values = {
        "groups": list(groups),
        "attempts": attempts,
        "lows": lows,
        "highs": highs,
        "names": list(names),
        "wanted": wanted,
    }
    parts: dict[tuple[int, str, int], list[Buckets]] = defaultdict(list)
    for attempt, name, level, data in execute(_LEVELS, values):
        parts[attempt, name, level].append(levels.unpack(data))
    return {
        (attempt, name): Part(level, levels.concatenate(buckets))
        for (attempt, name, level), buckets in parts.items()
    }
