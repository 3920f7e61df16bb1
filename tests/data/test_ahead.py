from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from itertools import count

import pytest

from tests.waiting import until
from workers.data.tokens.ahead import ahead


def test_the_items_come_in_order_through_one_thread_after_another():
    assert list(ahead(x + 1 for x in ahead(range(1_000)))) == list(range(1, 1_001))


def test_what_goes_wrong_comes_after_what_went_right():
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("the second")

    taken = ahead(items())
    assert next(taken) == 1
    with pytest.raises(ValueError, match="the second"):
        next(taken)


def test_it_is_never_further_ahead_than_allowed():
    made: list[int] = []

    def items() -> Iterator[int]:
        for i in count():
            made.append(i)
            yield i

    taken = ahead(items(), size=2)
    for used in range(50):
        next(taken)
        # Two wait, one waits to be put beside them, one is being used.
        assert len(made) <= used + 4


def test_where_nobody_goes_on_the_threads_end():
    before = set(threading.enumerate())
    taken = ahead(ahead(count()))
    next(taken)
    started = set(threading.enumerate()) - before
    assert len(started) == 2

    taken.close()
    gc.collect()

    until(lambda: not any(thread.is_alive() for thread in started))
