"""Does the next things in a thread while the last one is being used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")

_LOOK_SECONDS = 0.2


def ahead(items: Iterable[T], size: int = 2) -> Iterator[T]:
    """The items in order, at most `size` of them waiting. What goes wrong is raised here."""
    waiting: Queue[tuple[T] | Exception | None] = Queue(size)
    given_up = Event()
    Thread(target=_fill, args=(iter(items), waiting, given_up), daemon=True).start()
    try:
        while (found := waiting.get()) is not None:
            if isinstance(found, Exception):
                raise found
            yield found[0]
    finally:
        given_up.set()


def _fill(items: Iterator[T], waiting: Queue[tuple[T] | Exception | None], given_up: Event) -> None:
    end = None
    try:
        for item in items:
            if not _put(waiting, (item,), given_up):
                return
    except Exception as error:  # noqa: BLE001 - it is raised where the items are used
        end = error
    _put(waiting, end, given_up)


def _put(
    waiting: Queue[tuple[T] | Exception | None],
    found: tuple[T] | Exception | None,
    given_up: Event,
) -> bool:
    while not given_up.is_set():
        try:
            waiting.put(found, timeout=_LOOK_SECONDS)
        except Full:
            continue
        return True
    return False
