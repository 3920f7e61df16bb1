"""Personal data that can be told by its form: addresses, numbers of phones, accounts and persons.

Names are not looked for, and no address of a machine that the internet does not reach.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from workers.data.report.personal_addresses import emails, ipv4, ipv6
from workers.data.report.personal_ids import ids
from workers.data.report.personal_numbers import cards, ibans
from workers.data.report.personal_phones import phones

KINDS = ("email", "phone", "ip", "iban", "card", "id")

# Six digits with little between them: without these, no number needs to be looked for. An Italian
# number of a person has letters between its digits.
_DENSE = re.compile(r"[0-9](?:(?:[ .()/\xa0-]{0,2}[0-9]){5,}|[0-9][A-Z][0-9]{2}[A-Z][0-9]{3}[A-Z])")
# What may belong to a number, or say what it is.
_BEFORE, _AFTER = 60, 30


class Found(NamedTuple):
    kind: str
    start: int
    end: int


def find(text: str, regions: Sequence[str]) -> list[Found]:
    """In the order of the text. `regions`: countries whose phone numbers need no country code."""
    found: list[Found] = []
    if "@" in text:
        found += (Found("email", *span) for span in emails(text))
    if text.count(":") > 2:
        found += (Found("ip", *span) for span in ipv6(text))
    for start, end in _dense(text):
        found += _numbers(text, start, end, regions)
    return _first_ones(found)


def anonymise(text: str, regions: Sequence[str]) -> str:
    """The text with the kind in place of each thing found: [EMAIL]."""
    while found := find(text, regions):
        text = replace(text, found)
    return text


def replace(text: str, found: Iterable[Found]) -> str:
    parts: list[str] = []
    position = 0
    for kind, start, end in found:
        parts += (text[position:start], f"[{kind.upper()}]")
        position = end
    return "".join(parts) + text[position:]


def mask(kind: str, value: str) -> str:
    """Enough to recognise the form: j•••@•••.com, +33 • •• •• •• ••."""
    if kind == "email":
        return f"{value[0]}•••@•••.{value.rpartition('.')[2]}"
    shown = re.match(r"\W*\w{0,2}", value)
    assert shown is not None
    return shown[0] + re.sub(r"\w", "•", value[shown.end() :])


def _dense(text: str) -> Iterator[tuple[int, int]]:
    """Stretches with many digits, and what is around them; those that overlap as one."""
    start = end = 0
    for match in _DENSE.finditer(text):
        if match.start() - _BEFORE > end:
            if end:
                yield start, end
            start = max(0, match.start() - _BEFORE)
        end = _end_of_word(text, match.end() + _AFTER)
    if end:
        yield start, end


def _end_of_word(text: str, position: int) -> int:
    """Patterns look at what follows: a stretch must not end within a word."""
    longest = position + _AFTER
    while position < longest and text[position : position + 1].strip():
        position += 1
    return min(position, len(text))


def _numbers(text: str, start: int, end: int, regions: Sequence[str]) -> Iterator[Found]:
    """Those that are told apart by check digits come first: a phone number has none."""
    for kind, finder in (("ip", ipv4), ("iban", ibans), ("id", ids), ("card", cards)):
        yield from (Found(kind, *span) for span in finder(text, start, end))
    yield from (Found("phone", *span) for span in phones(text, start, end, regions))


def _first_ones(found: list[Found]) -> list[Found]:
    """Without those that overlap one that was found by an earlier finder; in order."""
    kept: list[Found] = []
    for one in found:
        i = bisect(kept, one.start, key=attrgetter("start"))
        if (i == 0 or kept[i - 1].end <= one.start) and (
            i == len(kept) or one.end <= kept[i].start
        ):
            kept.insert(i, one)
    return kept
