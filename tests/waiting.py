"""Waits for what other processes do. The limit is generous: it only ends a test that hangs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
LIMIT_SECONDS = 90.0


def until(look: Callable[[], Found | None], limit: float = LIMIT_SECONDS) -> Found:
    """The first true answer of `look`."""
    deadline = time.monotonic() + limit
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {found!r} after {limit:.0f} s")
        time.sleep(0.05)
    return found
