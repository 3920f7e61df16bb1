"""Keeps the secrets of one-time links out of logs: whoever reads a log must not get in with it."""

from __future__ import annotations

import logging
import re
from typing import Any

# As a path, and as the value of `?next=`.
_LINK = re.compile(r"((?:/|%2F)(?:welcome|invite)(?:/|%2F))[A-Za-z0-9_-]+", re.IGNORECASE)


def redact(value: Any) -> Any:
    return _LINK.sub(r"\1…", value) if isinstance(value, str) else value


class RedactLinks(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(record.msg)
        if isinstance(record.args, tuple):
            record.args = tuple(redact(value) for value in record.args)
        return True
