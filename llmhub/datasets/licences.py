"""Licences as SPDX expressions: "MIT", "CC-BY-4.0 OR Apache-2.0", "LicenseRef-our-contract"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from license_expression import ExpressionError, Licensing, get_spdx_licensing

# What SPDX lets people name that is not on its list.
OWN = re.compile(r"LicenseRef-[A-Za-z0-9.-]+\Z")


@cache
def licensing() -> Licensing:
    """Reads SPDX's list, which takes a moment: on first use, not when the hub starts."""
    return get_spdx_licensing()


def normalised(text: str) -> str:
    """The expression in SPDX's own spelling. Raises ValidationError for what is none."""
    text = text.strip()
    if not text:
        return ""
    try:
        parsed = licensing().parse(text, validate=False)
        unknown = [key for key in licensing().unknown_license_keys(parsed) if not OWN.match(key)]
    except (ExpressionError, ValueError) as error:
        raise ValidationError(_("This is no SPDX expression: %s") % first_line(error)) from error
    if unknown:
        raise ValidationError(
            _(
                "SPDX knows no “%(licence)s”. Write an identifier of its list, for example MIT, "
                "CC-BY-4.0 or CC0-1.0, or LicenseRef- and a name of your own."
            )
            % {"licence": unknown[0]}
        )
    return str(parsed)


def all_of(expressions: Iterable[str]) -> str:
    """One expression for what is made of parts with these licences: all of them hold for it."""
    known = [text for text in dict.fromkeys(expressions) if text]
    if not known:
        return ""
    parsed = [licensing().parse(text, validate=False) for text in known]
    return str(parsed[0] if len(parsed) == 1 else licensing().AND(*parsed).simplify())


def first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
