"""What the hub takes in one batch of points, said once for the client that sends it and the hub."""

from __future__ import annotations

MAX_ROWS = 10_000
MAX_NAMES = 500
# JavaScript counts exactly up to here.
MAX_STEP = 2**53
# Seconds since 1970; beyond it somebody sends milliseconds.
MAX_TIME = 2.0**33
