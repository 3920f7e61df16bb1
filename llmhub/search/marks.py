"""Shows where the words that were looked for stand in a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from llmhub.search.typed import Typed

WORD = re.compile(r"[^\W_]+")
# What of a text is shown around the first match.
BEFORE, SHOWN = 60, 180
# No decomposition of Unicode makes these plain letters; as the function `search_plain` has them.
LETTERS = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ı": "i"})


def folded(text: str) -> str:
    """Without accents and capitals, as the function `search_plain` of the database does it."""
    parts = unicodedata.normalize("NFKD", text.lower())
    return "".join(sign for sign in parts if not unicodedata.combining(sign)).translate(LETTERS)


def marked(text: str, typed: Typed) -> SafeString:
    """The text with its matches in <mark>; all else is escaped."""
    end, parts = 0, []
    for start, stop in matches(text, typed):
        parts.append(format_html("{}<mark>{}</mark>", text[end:start], text[start:stop]))
        end = stop
    return format_html_join("", "{}", [(part,) for part in [*parts, text[end:]]])


def excerpt(text: str, typed: Typed) -> SafeString:
    """What stands around the first match, or the beginning."""
    flat = " ".join(text.split())
    first = next(matches(flat, typed), (0, 0))[0]
    start = 0 if first <= BEFORE else flat.find(" ", first - BEFORE, first) + 1 or first
    part = flat[start : start + SHOWN]
    if start + SHOWN < len(flat):
        part = part.rpartition(" ")[0] or part
    is_whole_end = start + len(part) >= len(flat)
    return format_html(
        "{}{}{}", "…" if start else "", marked(part, typed), "" if is_whole_end else "…"
    )


def has_match(text: str, typed: Typed) -> bool:
    return next(matches(text, typed), None) is not None


def matches(text: str, typed: Typed) -> Iterator[tuple[int, int]]:
    for found in WORD.finditer(text):
        length = matched(found[0], typed)
        if length:
            yield found.start(), found.start() + length


def matched(word: str, typed: Typed) -> int:
    """So many of its letters: what was typed of it, or all where its stem is the same."""
    plain = folded(word)
    for each in typed.words:
        if plain.startswith(each.text):
            return len(each.text) if len(plain) == len(word) else len(word)
    return len(word) if plain.startswith(typed.stems) else 0
