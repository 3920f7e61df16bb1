"""What the runs of a hypothesis say: the deciding metric of the baselines and of each variant.

Runs with the same configuration but for the seed, on the same data and from the same start, are one
group: only their spread is that of chance. Only runs that came to their end count, unless that was
NaN or an infinity.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from django.db.models import Prefetch

from llmhub.lib.canonical import digest
from llmhub.lib.json_floats import word
from llmhub.lib.significance import Interval, difference_of_means, mean_interval
from llmhub.metrics.models import Series
from llmhub.recipes import specs
from llmhub.recipes.changes import Change, difference
from llmhub.research.models import Direction, Hypothesis, LinkedRun, Part, Reading
from llmhub.runs.models import RunInput
from llmhub.runs.states import State

# What a variant is called by, at most.
MOST_CHANGES = 4
# Of a value: what is larger, or not a number, cannot be reckoned with.
MOST = 1e100


class Why(StrEnum):
    """Why a run does not count."""

    TRASHED = "trashed"
    RUNNING = "running"
    ENDED_EARLY = "ended_early"
    DIVERGED = "diverged"
    NO_VALUE = "no_value"


@dataclass(frozen=True)
class Row:
    """A linked run with its values of the metric."""

    link: LinkedRun
    last: float | None = None
    best: float | None = None
    value: float | None = None
    why: Why | None = None

    @property
    def counts(self) -> bool:
        return self.why is None

    @cached_property
    def flat(self) -> dict[str, Any]:
        found: dict[str, Any] = specs.flatten(self.link.run.config)
        return found

    @property
    def seed(self) -> Any:
        return next((value for name, value in self.flat.items() if is_seed(name)), None)


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seed alone; baselines are one group, whatever they differ in."""

    part: Part
    rows: Sequence[Row]
    # From the first baseline.
    changes: Sequence[Change] = ()
    other_data: bool = False
    # From another checkpoint, or from one at all.
    other_start: bool = False
    # Variants only: a baseline has all of its configuration, data and start.
    is_baseline_again: bool = False
    # Baselines only: they differ in more than their seed.
    is_mixed: bool = False

    @cached_property
    def values(self) -> list[float]:
        return [row.value for row in self.rows if row.counts and row.value is not None]

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def running(self) -> int:
        return sum(row.why == Why.RUNNING for row in self.rows)

    @property
    def diverged(self) -> int:
        return sum(row.why == Why.DIVERGED for row in self.rows)

    @property
    def mean(self) -> float | None:
        return math.fsum(self.values) / self.n if self.values else None

    @property
    def interval(self) -> Interval | None:
        return mean_interval(self.values)

    @property
    def half(self) -> float | None:
        """The mean give or take so much."""
        found = self.interval
        return (found.high - found.low) / 2 if found else None

    @property
    def shares_seeds(self) -> bool:
        """The same seed twice says less than two seeds."""
        seeds = [row.seed for row in self.rows if row.counts and row.seed is not None]
        return len(set(map(str, seeds))) < len(seeds)

    @property
    def first_changes(self) -> Sequence[Change]:
        return self.changes[:MOST_CHANGES]

    @property
    def more_changes(self) -> int:
        return max(0, len(self.changes) - MOST_CHANGES)


class Verdict(StrEnum):
    SAME = "same"
    WAITS = "waits"
    ONE_RUN = "one_run"
    FOR = "for"
    AGAINST = "against"
    UNDECIDED = "undecided"
    UNSAID = "unsaid"


@dataclass(frozen=True)
class Comparison:
    """A variant against the baselines."""

    group: Group
    value: float | None
    interval: Interval | None
    verdict: Verdict


@dataclass(frozen=True)
class Evidence:
    hypothesis: Hypothesis
    rows: Sequence[Row]
    baseline: Group
    variants: Sequence[Comparison] = field(default_factory=tuple)

    @property
    def diverged(self) -> bool:
        """What is left of a configuration of which some diverge looks better than it is."""
        return any(row.why == Why.DIVERGED for row in self.rows)

    @property
    def has_values(self) -> bool:
        return bool(self.hypothesis.metric) and any(row.last is not None for row in self.rows)

    @property
    def compared(self) -> int:
        """How many differences have an interval, each of which misses once in twenty."""
        return sum(one.interval is not None for one in self.variants)

    @property
    def ids(self) -> str:
        return ",".join(str(row.link.run_id) for row in self.rows)

    @property
    def next_seed(self) -> int:
        """One that no run of it has."""
        seeds = [row.seed for row in self.rows if isinstance(row.seed, int)]
        return (max(seeds, default=0) + 1) % 2**32

    @property
    def shares_seeds(self) -> bool:
        groups = [self.baseline, *(one.group for one in self.variants)]
        return any(group.shares_seeds for group in groups)

    def told(self) -> dict[str, Any]:
        """For the history: it outlives the runs."""
        return {
            "metric": self.hypothesis.metric,
            "baseline": told(self.baseline),
            "variants": [
                told(one.group) | {"difference": one.value, "verdict": one.verdict.value}
                for one in self.variants
            ],
        }


def told(group: Group) -> dict[str, Any]:
    return {
        "runs": [
            {"run": row.link.run_id, "name": row.link.run.name, "value": word(row.value)}
            for row in group.rows
            if row.value is not None
        ],
        "n": group.n,
        "mean": group.mean,
        "half": group.half,
    }


def of(found: Hypothesis) -> Evidence:
    """Three queries, however many runs there are."""
    inputs = Prefetch("run__inputs", RunInput.objects.select_related("checkpoint"))
    named = found.links.select_related(
        "run__recipe_version__recipe", "run__dataset_version__dataset", "run__mix_version__mix"
    )
    links = list(named.prefetch_related(inputs))
    series = series_of(found.metric, links)
    rows = [row_of(found, link, series.get(link.run_id)) for link in links]
    baseline = group_of(Part.BASELINE, [row for row in rows if row.link.part == Part.BASELINE])
    first = baseline.rows[0] if baseline.rows else None
    known = {key_of(row) for row in baseline.rows if not row.link.run.is_external}
    groups = groups_of([row for row in rows if row.link.part == Part.VARIANT], first, known)
    return Evidence(found, rows, baseline, [compare(found, baseline, one) for one in groups])


def series_of(metric: str, links: Iterable[LinkedRun]) -> dict[int, Series]:
    if not metric:
        return {}
    rows = Series.objects.filter(name=metric, run__in=[link.run_id for link in links])
    return {row.run_id: row for row in rows.defer("spark")}


def row_of(found: Hypothesis, link: LinkedRun, series: Series | None) -> Row:
    if series is None:
        return Row(link, why=why_not(link, None))
    best = series.max if found.direction == Direction.HIGHER else series.min
    value = best if found.reading == Reading.BEST else series.last
    return Row(link, series.last, best, value, why_not(link, value, series.last))


def why_not(link: LinkedRun, value: float | None, last: float | None = None) -> Why | None:
    if link.run.trashed_at:
        return Why.TRASHED
    if not link.run.is_over():
        return Why.RUNNING
    if link.run.state != State.SUCCEEDED:
        return Why.ENDED_EARLY
    # Its best value is of the time before: no model is left that has it.
    if last is not None and not math.isfinite(last):
        return Why.DIVERGED
    return None if value is not None and abs(value) < MOST else Why.NO_VALUE


def group_of(part: Part, rows: Sequence[Row], first: Row | None = None) -> Group:
    keys = {key_of(row) for row in rows}
    changes: list[Change] = []
    if first and rows:
        changes = [
            change for change in difference(first.flat, rows[0].flat) if not is_seed(change.name)
        ]
    other_data = bool(first and rows and data_of(first) != data_of(rows[0]))
    other_start = bool(first and rows and start_of(first) != start_of(rows[0]))
    return Group(part, rows, changes, other_data, other_start, is_mixed=len(keys) > 1)


def groups_of(rows: Sequence[Row], first: Row | None, known: Collection[str]) -> list[Group]:
    """`known`: the baselines' keys. What a script runs the hub does not know all of."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(key_of(row), []).append(row)
    return [
        replace(group_of(Part.VARIANT, members, first), is_baseline_again=key in known)
        for key, members in found.items()
    ]


def key_of(row: Row) -> str:
    config = {name: value for name, value in row.flat.items() if not is_seed(name)}
    return digest({"config": config, "data": data_of(row), "start": start_of(row)})


def data_of(row: Row) -> list[int | None]:
    return [row.link.run.dataset_version_id, row.link.run.mix_version_id]


def start_of(row: Row) -> list[list[Any]]:
    """The checkpoints that it begins with or goes on from: of which run, at which step."""
    return sorted([one.role, one.source_id, step_of(one)] for one in row.link.run.inputs.all())


def step_of(taken: RunInput) -> int | None:
    """What it was asked for, until it is taken: the best one of a run has a step only then."""
    return taken.checkpoint.step if taken.checkpoint else taken.step


def is_seed(name: str) -> bool:
    return name.rpartition(".")[2] == "seed"


def compare(found: Hypothesis, baseline: Group, group: Group) -> Comparison:
    if group.is_baseline_again:
        return Comparison(group, None, None, Verdict.SAME)
    if baseline.mean is None or group.mean is None:
        return Comparison(group, None, None, Verdict.WAITS)
    interval = difference_of_means(baseline.values, group.values)
    verdict = judge(found, interval) if interval else Verdict.ONE_RUN
    return Comparison(group, group.mean - baseline.mean, interval, verdict)


def judge(found: Hypothesis, interval: Interval) -> Verdict:
    """Whether the whole interval lies where the hypothesis says, or none of it does."""
    if not found.direction:
        return Verdict.UNSAID
    is_higher = found.direction == Direction.HIGHER
    low, high = (interval.low, interval.high) if is_higher else (-interval.high, -interval.low)
    needed = found.threshold or 0.0
    if low > 0 and low >= needed:
        return Verdict.FOR
    return Verdict.AGAINST if high <= 0 or high < needed else Verdict.UNDECIDED
