"""What the hub takes in one batch of points, said once for the client that sends it and the hub."""

from __future__ import annotations

MAX_ROWS = 100_000
MAX_NAMES = 500
# Rows times names.
MAX_VALUES = 2_000_000
# Of the body, as it is sent and when it is unpacked: values, their presence, steps and times.
MAX_BYTES = 24 * 1024 * 1024
# JSON takes more work for each byte.
MAX_JSON_BYTES = 4 * 1024 * 1024
# Of all batches of a run together.
MAX_NAMES_OF_RUN = 10_000
MAX_STEP = 2**63 - 1
# JavaScript counts exactly up to here: larger steps are told to it as text.
MAX_SAFE_STEP = 2**53
# Seconds since 1970; beyond it somebody sends milliseconds.
MAX_TIME = 2.0**33
