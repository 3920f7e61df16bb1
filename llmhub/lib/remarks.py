"""What a tag and a note may be: the hub refuses what does not fit, and the client leaves it out."""

from __future__ import annotations

import re

MAX_TAGS = 20
MAX_TAG = 40
MAX_NOTES = 50_000

# PostgreSQL's text and JSON refuse NUL, UTF-8 refuses surrogates without their other half.
UNFIT = re.compile("[\x00\ud800-\udfff]")
UNFIT_IN_NAMES = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def as_tag(text: str) -> str | None:
    """As it is kept; None for what is no tag. Where people type tags, a comma stands between."""
    tag = re.sub(" +", " ", text.strip())
    is_fit = 0 < len(tag) <= MAX_TAG and "," not in tag and not UNFIT_IN_NAMES.search(tag)
    return tag if is_fit else None


def is_note(text: str) -> bool:
    return len(text) <= MAX_NOTES and not UNFIT.search(text)
