"""However points came, and whatever of them is folded: what is read is a plain list's answer."""

import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmhub.metrics import blocks, fold, ingest, levels, query, stored, windows
from llmhub.metrics.models import Batch, Block, Level, Series, Stream
from llmhub.metrics.windows import Window
from tests.factories import make_attempt, make_project, make_run

pytestmark = pytest.mark.django_db
NAMES = ["a", "b"]


@pytest.fixture
def small(monkeypatch):
    """Blocks, levels and pieces so small that a few rows fill many."""
    monkeypatch.setattr(blocks, "capacity", lambda names: 8)
    monkeypatch.setattr(levels, "FIRST", 2)
    monkeypatch.setattr(levels, "FACTOR", 2)
    monkeypatch.setattr(levels, "TOP", 3)
    monkeypatch.setattr(fold, "BLOCKS_A_PART", 2)
    monkeypatch.setattr(fold, "PIECE_BLOCKS", 3)
    monkeypatch.setattr(fold, "PIECE_ROWS", 20)


@dataclass
class Plain:
    """Everything that was sent, in the order of its acceptance."""

    sent: list = field(default_factory=list)

    def holding(self, name, only=None):
        """{step: (time, value)} as the two rules have it; of one attempt: all that it sent."""
        found = {}
        for attempt, rows in self.sent:
            if only is not None and attempt != only:
                continue
            end = math.inf if only is not None else self.end_of(attempt)
            for step, time, values in rows:
                if step < end and name in values:
                    found[step] = (time, values[name])
        return dict(sorted(found.items()))

    def end_of(self, attempt):
        firsts = [min(step for step, _, _ in rows) for one, rows in self.sent if one > attempt]
        return min(firsts, default=math.inf)


class World:
    def __init__(self):
        self.run = make_run(make_project(f"p{World.serial}"))
        World.serial += 1
        self.attempts = [make_attempt(self.run)[0] for _ in range(3)]
        self.plain = Plain()
        self.numbers = [0, 0, 0]
        self.last = None

    serial = 0

    def send(self, place, rows):
        number = self.numbers[place]
        self.numbers[place] += 1
        self.last = (place, number, rows)
        assert not self.post(*self.last).duplicate
        self.plain.sent.append((self.attempts[place].pk, rows))

    def begin(self):
        """Enough that there are blocks and levels for what comes later to change."""
        held = [{"a": float(step % 7), "b": float(step % 5)} for step in range(80)]
        self.send(0, [(step, float(step), values) for step, values in enumerate(held)])
        fold.fold(self.run.pk)

    def resend(self):
        if self.last:
            assert self.post(*self.last).duplicate

    def post(self, place, number, rows):
        names = sorted({name for _, _, values in rows for name in values})
        series = {name: [told(values.get(name)) for _, _, values in rows] for name in names}
        steps, times = [row[0] for row in rows], [row[1] for row in rows]
        return ingest.append(self.attempts[place], number, steps, times, series)

    def fold_a_piece(self):
        fold._fold_piece(self.run.pk) or fold._level_piece(self.run.pk)

    def level_a_piece(self):
        fold._level_piece(self.run.pk)

    def read(self, window):
        return windows.read(stored.sources([self.run.pk]), NAMES, window)


def told(value):
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


numbers = st.one_of(
    st.integers(-8, 8).map(float),
    st.floats(-9, 9),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)
values = st.dictionaries(st.sampled_from(NAMES), numbers, min_size=1)


@st.composite
def stretches(draw):
    """Rows that mostly go on, from anywhere; a few are repeated or out of order."""
    first, count = draw(st.integers(0, 60)), draw(st.integers(1, 30))
    steps = list(range(first, first + count))
    for _ in range(draw(st.integers(0, 2))):
        steps.insert(draw(st.integers(0, len(steps))), draw(st.integers(0, 90)))
    held = draw(st.lists(values, min_size=len(steps), max_size=len(steps)))
    start = draw(st.integers(0, 10_000))
    return [(step, float(start + row), held[row]) for row, step in enumerate(steps)]


class Op:
    FOLD, LEVEL, RESEND = "fold", "level", "resend"


ops = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 2), stretches()),
        st.tuples(st.just(0), stretches()),
        st.sampled_from([Op.FOLD, Op.FOLD, Op.FOLD, Op.LEVEL, Op.RESEND]),
    ),
    min_size=1,
    max_size=16,
)
ask = st.lists(
    st.tuples(st.integers(0, 95), st.integers(0, 95), st.integers(1, 6), st.booleans()),
    min_size=1,
    max_size=4,
)


def do(world, op):
    if op == Op.FOLD:
        world.fold_a_piece()
    elif op == Op.LEVEL:
        world.level_a_piece()
    elif op == Op.RESEND:
        world.resend()
    else:
        world.send(*op)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.booleans(), ops, ask)
def test_any_window_of_any_points_is_what_a_plain_list_says(small, is_long, steps_taken, asked):
    world = World()
    if is_long:
        world.begin()
    for op in steps_taken:
        do(world, op)
    check(world, asked)
    fold.fold(world.run.pk)
    assert not Batch.objects.filter(run=world.run).exists()
    check(world, asked)
    world.resend()
    check(world, asked)


def check(world, asked):
    whole = (0, 95, 4, False)
    for one, other, px, all_attempts in [whole, *asked]:
        window = Window(min(one, other), max(one, other), px, all_attempts)
        found = world.read(window)
        groups = [attempt.pk for attempt in world.attempts] if all_attempts else [world.run.pk]
        for group in groups:
            for name in NAMES:
                plain = world.plain.holding(name, group if all_attempts else None)
                inside = {s: v for s, v in plain.items() if window.low <= s <= window.high}
                compare(found.get((group, name)), inside, px)
    check_curves(world)
    check_summaries(world)


def compare(curve, plain, px):
    if curve is None:
        assert not plain
        return
    buckets = curve.buckets
    assert buckets.points == len(plain)
    if len(plain) <= 4 * px:
        assert curve.level == 0
        assert same(dict(zip(buckets.first_steps.tolist(), buckets.last.tolist(), strict=True)),
                    {step: value for step, (_, value) in plain.items()})  # fmt: skip
        assert buckets.times.tolist() == [time for time, _ in plain.values()]
        return
    assert curve.level > 0
    assert len(buckets) <= 4 * px
    covered = 0
    for row in range(len(buckets)):
        one = buckets.take(slice(row, row + 1))
        first, last = int(one.first_steps[0]), int(one.last_steps[0])
        held = {step: v for step, v in plain.items() if first <= step <= last}
        covered += len(held)
        assert min(held) == first
        assert max(held) == last
        assert one.times[0] == held[last][0]
        compare_values(one, {step: value for step, (_, value) in held.items()})
    assert covered == len(plain)


def compare_values(one, held):
    finite = {step: value for step, value in held.items() if math.isfinite(value)}
    assert one.count[0] == len(finite)
    assert one.not_finite[0] == len(held) - len(finite)
    if not finite:
        assert np.isnan([one.min[0], one.max[0], one.last[0], one.mean[0]]).all()
        return
    low, high = min(finite.values()), max(finite.values())
    assert (one.min[0], one.max[0]) == (low, high)
    assert one.min_steps[0] == next(step for step, value in finite.items() if value == low)
    assert one.max_steps[0] == next(step for step, value in finite.items() if value == high)
    assert one.last[0] == finite[max(finite)]
    assert one.sum[0] == pytest.approx(math.fsum(finite.values()), abs=1e-9)


def same(found, plain):
    return {step: str(value) for step, value in found.items()} == {
        step: str(value) for step, value in plain.items()
    }


def check_curves(world):
    """What pages and the API read of a whole run."""
    points = query.merged(Stream.objects.filter(pk=world.run.pk).first() or Stream(run=world.run))
    for name in NAMES:
        present, held = points.series.get(name, ([], np.zeros(0)))
        shown = dict(zip(points.steps[present].tolist(), held[present].tolist(), strict=True))
        plain = {step: value for step, (_, value) in world.plain.holding(name).items()}
        assert same(shown, plain)


def check_summaries(world):
    known = {row.name: row for row in Series.objects.filter(run=world.run)}
    for name in NAMES:
        plain = {step: value for step, (_, value) in world.plain.holding(name).items()}
        if not plain:
            assert name not in known
            continue
        row, finite = known[name], [v for v in plain.values() if math.isfinite(v)]
        assert (row.count, row.not_finite) == (len(plain), len(plain) - len(finite))
        assert row.last_step == max(plain)
        # The sign of a zero is of no use to a table, and does not survive Django's SQL.
        assert row.last == pytest.approx(plain[max(plain)], abs=0, rel=0, nan_ok=True)
        assert (row.min, row.max) == (min(finite, default=None), max(finite, default=None))
        if finite:
            assert plain[row.min_step] == row.min
            assert plain[row.max_step] == row.max


def long_run(rows, per_batch=500, attempts=1, fold_it=True, seed=0):
    """A run of `rows` steps of one metric with a planted spike."""
    run = make_run(make_project(f"long{World.serial}"))
    World.serial += 1
    attempt = make_attempt(run)[0]
    losses = np.random.default_rng(seed).normal(size=rows)
    losses[rows // 3] = 1e3
    for number, first in enumerate(range(0, rows, per_batch)):
        part = losses[first : first + per_batch].tolist()
        steps = list(range(first, first + len(part)))
        ingest.append(attempt, number, steps, [float(step) for step in steps], {"a": part})
    if fold_it:
        fold.fold(run.pk)
    return run, losses


def test_a_long_curve_has_between_one_and_four_buckets_a_pixel_and_its_spike():
    run, losses = long_run(30_000, 6_000)
    for px in (30, 100, 333):
        [curve] = windows.read(stored.sources([run.pk]), ["a"], Window(px=px)).values()
        assert px <= len(curve.buckets) <= 4 * px
        assert curve.buckets.max.max() == 1e3
        assert curve.buckets.max_steps[np.argmax(curve.buckets.max)] == 10_000
        assert curve.buckets.sum.sum() == pytest.approx(losses.sum())


def test_a_window_of_few_steps_has_every_one_of_them():
    run, losses = long_run(20_000, 6_000)
    window = Window(low=9_900, high=10_100, px=100)
    [curve] = windows.read(stored.sources([run.pk]), ["a"], window).values()
    assert curve.level == 0
    assert curve.buckets.last.tolist() == losses[9_900:10_101].tolist()


def test_what_is_read_costs_the_same_statements_however_many_runs(django_assert_num_queries):
    runs = [long_run(9_000, 3_000)[0].pk for _ in range(3)]
    for asked in (runs[:1], runs):
        with django_assert_num_queries(4):
            windows.read(stored.sources(asked), ["a"], Window(px=20))


def test_folding_leaves_full_blocks_and_no_batches():
    run, _ = long_run(10_000, 700)
    rows = Block.objects.filter(attempt__run=run).order_by("first_step")
    assert list(rows.values_list("rows", "number")) == [(4096, 0), (4096, 1), (1808, None)]
    assert not Batch.objects.filter(run=run).exists()
    assert Level.objects.filter(attempt__run=run).count() == levels.TOP
    stream = Stream.objects.get(pk=run.pk)
    assert (stream.folded_rev, stream.unfolded_rows) == (stream.rev, 0)


def test_a_cursor_from_before_the_fold_starts_from_the_beginning():
    run, _ = long_run(40, 10)
    assert query.points(run, since=2, epoch=0)["reset"]
    assert not query.points(run, since=4, epoch=0)["reset"]


def test_a_crash_while_folding_leaves_what_was(monkeypatch, django_db_blocker):
    run, _ = long_run(40, 10, fold_it=False)
    before = query.points(run)
    monkeypatch.setattr(fold, "_write_blocks", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fold.fold(run.pk)
    assert query.points(run) == before
    assert Batch.objects.filter(run=run).count() == 4


def test_numbers_that_were_folded_are_kept_as_ranges():
    assert fold.with_numbers([], [3, 1, 2, 7]) == [[1, 3], [7, 7]]
    assert fold.with_numbers([[1, 3], [7, 7]], [5, 6, 4]) == [[1, 7]]
    assert fold.holds_number([[1, 3], [7, 9]], 8)
    assert not fold.holds_number([[1, 3], [7, 9]], 5)
