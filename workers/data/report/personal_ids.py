"""Numbers that states give to persons, told by their form, their check digits and their name.

A number with a weak check, which many a count or code would pass, is one only where a word nearby
says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from stdnum.be import nn
from stdnum.br import cpf
from stdnum.ca import sin
from stdnum.ch import ssn as ahv
from stdnum.cn import ric
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.pt import nif
from stdnum.se import personnummer
from stdnum.us import ssn

from workers.data.report.personal_numbers import ALONE_AFTER, ALONE_BEFORE, Span, is_operand

_BEFORE, _AFTER = 50, 25  # characters around a number where its name is looked for


@dataclass(frozen=True)
class Form:
    pattern: str
    is_valid: Callable[[str], bool]
    names: str = ""  # of which one must stand nearby


_FORMS = (
    Form(r"[12]\d\d(?:0[1-9]|1[0-2])(?:\d\d|2[AB])\d{8}", nir.is_valid),
    Form(r"[12] \d\d (?:0[1-9]|1[0-2]) (?:\d\d|2[AB]) \d{3} \d{3} \d\d", nir.is_valid),
    Form(r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]", codicefiscale.is_valid),
    Form(r"\d{8}-?[A-Z]", dni.is_valid),
    Form(r"[XYZ]-?\d{7}-?[A-Z]", nie.is_valid),
    Form(r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d", nn.is_valid),
    Form(r"\d{3}\.\d{3}\.\d{3}-\d\d", cpf.is_valid),
    Form(r"756\.\d{4}\.\d{4}\.\d\d", ahv.is_valid),
    Form(r"\d{6}[-+]\d{4}", personnummer.is_valid),
    Form(r"\d{6}[-+A-F]\d{3}[0-9A-Y]", hetu.is_valid),
    Form(r"\d{17}[\dX]", ric.is_valid),
    Form(r"\d{3}[- ]?\d\d[- ]?\d{4}", ssn.is_valid, "ssn|social security"),
    Form(r"\d{3}[- ]?\d{3}[- ]?\d{4}", nhs.is_valid, "nhs|national health"),
    Form(
        r"\d\d ?\d{3} ?\d{3} ?\d{3}",
        idnr.is_valid,
        r"steuer\S*|idnr|identifikationsnummer|tax|tin",
    ),
    Form(r"\d{4}\.?\d\d\.?\d{3}", bsn.is_valid, "bsn|burgerservicenummer|sofinummer"),
    Form(
        r"\d\d ?\d\d ?\d\d ?\d{3} ?\d\d",
        nn.is_valid,
        r"rijksregister\S*|registre national|national number|niss|insz",
    ),
    Form(r"\d{11}", pesel.is_valid, "pesel"),
    Form(r"\d{3} ?\d{3} ?\d{3}", nif.is_valid, "nif|contribuinte"),
    Form(r"\d{11}", cpf.is_valid, "cpf"),
    Form(r"756\d{10}", ahv.is_valid, "ahv|avs|oasi"),
    Form(r"\d{3}[- ]?\d{3}[- ]?\d{3}", sin.is_valid, "sin|social insurance"),
    Form(r"\d{4} ?\d{4} ?\d{4}", aadhaar.is_valid, "aadhaar|aadhar|uidai"),
)
_UNNAMED = [(re.compile(form.pattern, re.ASCII), form) for form in _FORMS if not form.names]
_NAMED = [
    (
        re.compile(ALONE_BEFORE + form.pattern + ALONE_AFTER, re.ASCII),
        re.compile(rf"\b(?:{form.names})\b", re.IGNORECASE),
        form,
    )
    for form in _FORMS
    if form.names
]
# Most texts have neither: two looks instead of one for each form.
_ANY_UNNAMED = re.compile(
    f"{ALONE_BEFORE}(?:{'|'.join(pattern.pattern for pattern, _ in _UNNAMED)}){ALONE_AFTER}",
    re.ASCII,
)
_ANY_NAME = re.compile(rf"\b(?:{'|'.join(form.names for _, _, form in _NAMED)})\b", re.IGNORECASE)


def ids(text: str, start: int, end: int) -> Iterator[Span]:
    if _ANY_NAME.search(text, max(0, start - _BEFORE), end + _AFTER):
        yield from _named(text, start, end)
    for match in _ANY_UNNAMED.finditer(text, start, end):
        if not is_operand(text, match) and _is_valid(match[0]):
            yield match.span()


def _named(text: str, start: int, end: int) -> Iterator[Span]:
    for pattern, names, form in _NAMED:
        for match in pattern.finditer(text, start, end):
            around = text[max(0, match.start() - _BEFORE) : match.end() + _AFTER]
            if names.search(around) and form.is_valid(match[0]):
                yield match.span()


def _is_valid(number: str) -> bool:
    return any(pattern.fullmatch(number) and form.is_valid(number) for pattern, form in _UNNAMED)
