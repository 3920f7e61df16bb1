"""What people and scripts write where a number or a name is expected, read without surprises."""

from __future__ import annotations

import json
import re
import unicodedata

# As Django's SlugField, and a dot: gpt2-1.3b. What is no slug is the name of nothing.
_SLUG = re.compile(r"[A-Za-z0-9_.-]+\Z")
# As JSON writes it; after an odd number of backslashes, so that it is no text about NUL.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def whole(text: str) -> int | None:
    """A number from 0 that fits into a bigint; `int` and `isdecimal` let through much else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def is_slug(text: str) -> bool:
    return _SLUG.match(text) is not None


def is_seen(text: str) -> bool:
    """Whether nothing in it is invisible, or turns the direction in which it is read. The spaces
    that French puts before signs are no printable characters for Python, and are seen."""
    return all(sign.isprintable() or unicodedata.category(sign) == "Zs" for sign in text)


def is_storable(value: object) -> bool:
    """Whether PostgreSQL's jsonb takes it: no NUL, no half of a surrogate pair, no NaN."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (ValueError, TypeError, RecursionError):
        return False
    return not _NUL.search(text)
