"""Two things at the same moment, each on a database connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from time import monotonic, sleep
from typing import Any

from django.db import connection, transaction

WAITING = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'"""


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """What each action returned or raised."""
    start = Barrier(len(actions))

    def run(action: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            start.wait()
            return action()
        except Exception as error:  # noqa: BLE001  (the caller looks at it)
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def while_the_first_holds_it(first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
    """What each returned or raised, the second stopped by a lock of the uncommitted first."""
    done = Event()

    def hold() -> Any:
        with transaction.atomic():
            result = first()
            done.set()
            wait_for_somebody_who_waits()
        return result

    def follow() -> Any:
        done.wait(timeout=30)
        return second()

    return at_once(hold, follow)


def wait_for_somebody_who_waits() -> None:
    end = monotonic() + 30
    with connection.cursor() as cursor:
        while monotonic() < end:
            cursor.execute(WAITING)
            if cursor.fetchone()[0]:
                return
            sleep(0.01)
    raise AssertionError("Nobody waited for a lock")
