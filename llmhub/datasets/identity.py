"""What makes two versions the same: the bytes of their files, and how those are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any


def content_hash(file_hashes: Sequence[str], reading: Mapping[str, Any]) -> str:
    """SHA-256 over the SHA-256 of each file and the reading, as canonical JSON.

    The names of the files do not count: renaming changes nothing that a run sees.
    """
    facts = {"files": list(file_hashes), "reading": dict(reading)}
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
