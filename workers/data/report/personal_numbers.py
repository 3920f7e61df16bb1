"""Numbers of bank accounts and payment cards, told by their check digits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stdnum import iban, luhn

Span = tuple[int, int]

# No part of a longer number, name, path or fraction.
ALONE_BEFORE, ALONE_AFTER = r"(?<![\w.+/-])(?<![0-9],)", r"(?![\w/]|-\w|[.,][0-9])"

_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?:[ \xa0-]?[A-Z0-9]{4}){2,7}(?:[ \xa0-]?[A-Z0-9]{1,3})?"
    r"(?![A-Za-z0-9])"
)
_CARD = re.compile(
    ALONE_BEFORE
    + r"(?:[0-9]{13,19}|[0-9]{4}([ \xa0-])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{3})?"
    + r"|[0-9]{4}([ \xa0-])[0-9]{6}\2[0-9]{4,5})"
    + ALONE_AFTER
)
# Issuer prefixes and lengths: Visa; Mastercard; American Express; Discover; Diners Club; JCB;
# UnionPay.
_ISSUED = re.compile(
    r"4(?:\d{15}|\d{18})|(?:5[1-5]|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d+(?<=^.{16})"
    r"|3[47]\d{13}|6(?:011|4[4-9]\d|5\d\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}"
    r"|62\d{14,17}"
)
_SEPARATORS = re.compile(r"[ \xa0-]")


def is_operand(text: str, match: re.Match[str]) -> bool:
    """Plain digits behind a bracket or a star are a number of a program."""
    return match[0].isdigit() and text[match.start() - 1 : match.start()] in ("(", "[", "*")


def ibans(text: str, start: int, end: int) -> Iterator[Span]:
    for match in _IBAN.finditer(text, start, end):
        found = match[0]
        # A word in capitals may stand behind it.
        while found and not iban.is_valid(_SEPARATORS.sub("", found), check_country=False):
            found = found[: max(0, *map(found.rfind, " \xa0-"))]
        if found:
            yield match.start(), match.start() + len(found)


def cards(text: str, start: int, end: int) -> Iterator[Span]:
    for match in _CARD.finditer(text, start, end):
        digits = _SEPARATORS.sub("", match[0])
        if _ISSUED.fullmatch(digits) and luhn.is_valid(digits) and not is_operand(text, match):
            yield match.span()
