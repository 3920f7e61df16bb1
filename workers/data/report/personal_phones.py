"""Phone numbers: valid where they claim to be from, and written as one writes a phone number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

import phonenumbers
from phonenumbers import Leniency, PhoneNumberMatcher

from workers.data.report.personal_numbers import Span

_CANDIDATE = re.compile(
    r"(?<![\w.,+/=*-])(?<![0-9]:)"
    r"\+?\(?[0-9](?:(?:[ .\xa0/-]|[ -]?\(|\)[ -]?)?[0-9]){6,16}"
    r"(?![\w/]|[.,-][0-9])"
)
_NAMES = re.compile(
    r"\b(?:t[eé]l|t[eé]l[eé]phone|telefon\w*|tel[eé]fono|phone|mobil\w*|m[oó]vil|handy|cell|cellphone"
    r"|call|fax|whatsapp|sms|portable|appel\w*|rufnummer|celular|cellulare|dial)\b",
    re.IGNORECASE,
)
_OTHER_NAMES = re.compile(
    r"\b(?:isbn|issn|doi|arxiv|oclc|uuid|pp?\.)[\w\s:={\"'-]{0,12}\Z", re.IGNORECASE
)
_BEFORE = 30  # characters before a number where its name is looked for
# Dates, spans of years, decimal fractions also with another number behind them, a zero of a table.
_OTHER = re.compile(
    r"(?:1[5-9]|20)\d\d[-./ ][01]?\d[-./ ][0-3]?\d\b.*"
    r"|[0-3]?\d[-./ ][01]?\d[-./ ](?:1[5-9]|20)\d\d\b.*"
    r"|(?:1[5-9]|20)\d\d[-/ ]+(?:1[5-9]|20)\d\d"
    r"|\+?\d+\.\d+(?:[ -].*)?|0[ .-].*"
)
# How many digits a number has that nothing but its form tells.
_DIGITS = range(9, 18)
_PLAIN_DIGITS = range(10, 13)  # without blanks
_ALL_DIGITS = ("0123456789", "1234567890", "0987654321")
_NORTH_AMERICA = re.compile(r"1?[0-9]{10}")


def phones(text: str, start: int, end: int, regions: Sequence[str]) -> Iterator[Span]:
    last_end = 0
    for match in _CANDIDATE.finditer(text, start, end):
        candidate, place = match[0], match.start()
        if candidate[0] == "(" and ")" not in candidate:
            candidate, place = candidate[1:], place + 1
        if _OTHER.fullmatch(candidate) or _belongs_to_a_table(text, place, last_end):
            continue
        before = text[max(0, place - _BEFORE) : place]
        span = None if _OTHER_NAMES.search(before) else _phone(candidate, before, regions)
        if span:
            last_end = place + span[1]
            yield place + span[0], last_end


def _belongs_to_a_table(text: str, start: int, last_end: int) -> bool:
    """Behind a number that is none for a phone."""
    return (
        start >= 2
        and start - 1 != last_end
        and text[start - 1] == " "
        and text[start - 2].isdigit()
    )


def _phone(candidate: str, before: str, regions: Sequence[str]) -> Span | None:
    digits = re.sub(r"\D", "", candidate)
    if candidate.startswith("+"):
        return _match(candidate, "ZZ", Leniency.VALID)
    if digits.startswith("00"):
        return (0, len(candidate)) if _is_valid("+" + digits[2:]) else None
    possible = [region for region in regions if _may_be_from(region, digits)]
    if _NAMES.search(before):
        return _first_match(candidate, possible, Leniency.VALID)
    # Without its name, it has to be divided into groups as the country does it.
    span = _first_match(candidate, possible, Leniency.STRICT_GROUPING)
    return span if span and _is_plainly_one(candidate[slice(*span)]) else None


def _is_plainly_one(number: str) -> bool:
    """Begins with a zero, or has the three groups of a number that needs none."""
    groups = re.findall(r"[0-9]+", number)
    digits = "".join(groups)
    if len(groups) == 1:
        is_made_up = digits in _ALL_DIGITS or len(set(digits)) <= 3
        return digits.startswith("0") and len(digits) in _PLAIN_DIGITS and not is_made_up
    return len(digits) in _DIGITS and (number[0] in "(0" or len(groups) > 2)


def _may_be_from(region: str, digits: str) -> bool:
    """Spares the library what it would refuse: it takes its time."""
    trunk = _trunk_prefix(region)
    if trunk == "1":
        return _NORTH_AMERICA.fullmatch(digits) is not None
    return digits.startswith(trunk)


@cache
def _trunk_prefix(region: str) -> str:
    return phonenumbers.ndd_prefix_for_region(region, True) or ""


def _first_match(candidate: str, regions: Sequence[str], leniency: int) -> Span | None:
    return next(filter(None, (_match(candidate, region, leniency) for region in regions)), None)


def _match(candidate: str, region: str, leniency: int) -> Span | None:
    found = next(iter(PhoneNumberMatcher(candidate, region, leniency, max_tries=2)), None)
    return (found.start, found.end) if found else None


def _is_valid(number: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False
