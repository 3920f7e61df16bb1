"""One text for one value: what is hashed must not depend on who wrote it, or in which order."""

from __future__ import annotations

import hashlib
import json
import math
from decimal import Decimal
from typing import Any

# From here on a float is written with an exponent, which jsonb does not keep.
BIG = 1e16


def canonical(value: Any) -> str:
    """JSON with sorted keys, without spaces, in ASCII. Raises ValueError for NaN and infinities."""
    return json.dumps(stored(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def stored(value: Any) -> Any:
    """As PostgreSQL gives it back: jsonb has one kind of number, without exponents and -0."""
    if isinstance(value, dict):
        return {key: stored(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [stored(one) for one in value]
    if isinstance(value, float) and value == 0:
        return 0.0
    if isinstance(value, float) and BIG <= abs(value) < math.inf:
        return int(Decimal(repr(value)))
    return value


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode("ascii")).hexdigest()
