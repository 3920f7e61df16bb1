"""Personal data of nobody: valid by the rules of those who issue them.

Each maker returns the data and a sentence that has them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType
from stdnum import ean, iban, luhn
from stdnum.br import cpf
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.iso7064 import mod_11_10
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.pt import nif

Made = tuple[str, str]

REGIONS = ("FR", "US", "GB", "DE")

_NAMES = ("marie.curie", "j_smith", "o'brien", "anna+news", "li-wei", "x")
_HOSTS = ("example.com", "mail.example.org", "uni-berlin.de", "gov.uk", "firma.email")
_ACCOUNTS = tuple(
    f"{country}{bank}{digits * '#'}"
    for country, bank, digits in (
        *(("DE", "", 18), ("FR", "", 23), ("GB", "NWBK", 14)),
        *(("NL", "INGB", 10), ("ES", "", 20)),
    )
)
_CARDS = ("4" + 14 * "#", "53" + 13 * "#", "2231" + 11 * "#", "37" + 12 * "#", "6011" + 11 * "#")


def email(draw: random.Random) -> Made:
    value = f"{draw.choice(_NAMES)}{draw.randint(1, 99)}@{draw.choice(_HOSTS)}"
    return _said(draw, value, "Write to {}.", "<{}>", "mailto:{}", "({})", "E-mail: {},")


def phone(draw: random.Random) -> Made:
    form = draw.choice(
        [PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164]
    )
    value = phonenumbers.format_number(_phone_number(draw), form)
    return _said(draw, value, "Call {}.", "{} is my number", "Tel. {}, please", "try {} then")


def ip(draw: random.Random) -> Made:
    if draw.random() < 0.7:
        first, *others = draw.choice([51, 82, 91, 185]), draw.randint(10, 255), draw.randint(0, 255)
        value = f"{first}.{others[0]}.{others[1]}.{draw.randint(0, 255)}"
    else:
        value = "2a01:{:x}:{:x}::{:x}".format(*draw.sample(range(1, 0xFFFF), 3))
    return _said(draw, value, "from {} again", "host {}.", "[{}]")


def account(draw: random.Random) -> Made:
    country_and_rest = _filled(draw, draw.choice(_ACCOUNTS))
    country, rest = country_and_rest[:2], country_and_rest[2:]
    number = country + iban.calc_check_digits(f"{country}00{rest}") + rest
    value = draw.choice([number, iban.format(number)])
    return _said(draw, value, "IBAN: {}.", "to {} today", "({})")


def card(draw: random.Random) -> Made:
    digits = _filled(draw, draw.choice(_CARDS))
    digits += luhn.calc_check_digit(digits)
    borders = (0, 4, 10, 15) if len(digits) == 15 else (0, 4, 8, 12, 16)
    groups = [digits[start:end] for start, end in pairwise(borders)]
    value = draw.choice(["", " ", "-"]).join(groups)
    return _said(draw, value, "Card {}.", "paid with {} yesterday", "card: {}")


def national_id(draw: random.Random) -> Made:
    return draw.choice(IDS)(draw)


def french(draw: random.Random) -> Made:
    start = f"{draw.randint(1, 2)}{_date(draw)[:4]}{_filled(draw, '1#######')}"
    number = start + nir.calc_check_digits(start)
    return _said(draw, draw.choice([number, nir.format(number)]), "son numéro {} est")


def american(draw: random.Random) -> Made:
    value = f"{draw.randint(100, 665)}-{draw.randint(10, 99)}-{draw.randint(1000, 9999)}"
    return _said(draw, value, "his SSN is {}, he said", "social security number {}.")


def british(draw: random.Random) -> Made:
    return _said(draw, nhs.format(_ended(draw, 9 * "#", nhs.is_valid)), "NHS number: {}.")


def german(draw: random.Random) -> Made:
    digits = "".join(draw.sample("123456789", 9))
    start = digits + draw.choice(digits[:3])
    return _said(draw, start + mod_11_10.calc_check_digit(start), "Steuer-ID {} steht")


def spanish(draw: random.Random) -> Made:
    number = _filled(draw, "########")
    return _said(draw, number + dni.calc_check_digit(number), "con DNI {}, dice", "({})")


def spanish_foreign(draw: random.Random) -> Made:
    number = draw.choice("XYZ") + _filled(draw, "#######")
    return _said(draw, number + nie.calc_check_digit(number), "NIE {}, dice")


def italian(draw: random.Random) -> Made:
    month = draw.choice("ABCDEHLMPRST")
    start = _filled(draw, f"RSSMRA{draw.randint(40, 99)}{month}{draw.randint(10, 28)}H###")
    return _said(draw, start + codicefiscale.calc_check_digit(start), "codice fiscale {}.")


def dutch(draw: random.Random) -> Made:
    return _said(draw, _ended(draw, "1#######", bsn.is_valid), "BSN {} hoort")


def belgian(draw: random.Random) -> Made:
    start = f"{_date(draw)}{draw.randint(1, 997):03}"
    check = f"{97 - int(start) % 97:02}"
    value = f"{start[:2]}.{start[2:4]}.{start[4:6]}-{start[6:]}.{check}"
    return _said(draw, value, "le numéro {} est")


def polish(draw: random.Random) -> Made:
    start = _date(draw) + _filled(draw, "####")
    return _said(draw, start + pesel.calc_check_digit(start), "PESEL: {}.")


def portuguese(draw: random.Random) -> Made:
    start = _filled(draw, "2#######")
    return _said(draw, start + nif.calc_check_digit(start), "NIF {} foi")


def brazilian(draw: random.Random) -> Made:
    ends = [f"{end:02}" for end in range(100)]
    number = _ended(draw, "1########", cpf.is_valid, ends)
    return _said(draw, cpf.format(number), "com {} no")


def swiss(draw: random.Random) -> Made:
    digits = _filled(draw, "756#########")
    digits += ean.calc_check_digit(digits)
    value = f"{digits[:3]}.{digits[3:7]}.{digits[7:11]}.{digits[11:]}"
    return _said(draw, value, "Nummer {} hat")


IDS = (
    *(french, american, british, german, spanish, spanish_foreign, italian),
    *(dutch, belgian, polish, portuguese, brazilian, swiss),
)

KINDS: dict[str, Callable[[random.Random], Made]] = {
    "email": email,
    "phone": phone,
    "ip": ip,
    "iban": account,
    "card": card,
    "id": national_id,
}


def _said(draw: random.Random, value: str, *sentences: str) -> Made:
    return value, draw.choice(sentences).format(value)


def _filled(draw: random.Random, form: str) -> str:
    """A digit in place of each #."""
    return "".join(draw.choice("0123456789") if sign == "#" else sign for sign in form)


def _ended(
    draw: random.Random,
    form: str,
    is_valid: Callable[[str], bool],
    ends: Sequence[str] = tuple("0123456789"),
) -> str:
    """With the check digits behind it; some numbers have none."""
    while True:
        start = _filled(draw, form)
        for end in ends:
            if is_valid(start + end):
                return start + end


def _date(draw: random.Random) -> str:
    return f"{draw.randint(40, 99)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}"


def _phone_number(draw: random.Random) -> PhoneNumber:
    """The library's example of a country, with other last digits."""
    kind = draw.choice([PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE])
    example = phonenumbers.example_number_for_type(draw.choice(REGIONS), kind)
    assert example is not None
    while True:
        number = PhoneNumber(
            country_code=example.country_code,
            national_number=example.national_number // 1000 * 1000 + draw.randrange(1000),
        )
        if phonenumbers.is_valid_number(number):
            return number
