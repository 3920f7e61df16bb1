"""What people and scripts say of a run, checked before it is stored: reasons by their field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.utils.translation import gettext as _

from llmhub.lib.json_floats import word
from llmhub.lib.remarks import MAX_NOTES, MAX_TAG, MAX_TAGS, UNFIT, UNFIT_IN_NAMES, as_tag

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_NAME = 120
# What a float can hold: more digits are no measured value.
MAX_BITS = 1023

Errors = dict[str, list[str]]


class Refused(Exception):
    """Why something cannot be stored: reasons by dotted field name."""

    def __init__(self, errors: Errors) -> None:
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        return " ".join(reason for reasons in self.errors.values() for reason in reasons)


def storable(field: str, value: dict[str, Any]) -> dict[str, Any]:
    """A JSON object as the database can hold it: NaN and infinities become words."""
    for name, reason in problems(field, value, MAX_DEPTH):
        raise Refused({name: [reason]})
    plain: dict[str, Any] = without_infinities(value)
    size = len(json.dumps(plain, ensure_ascii=False).encode())
    if size > MAX_BYTES:
        reason = _("At most %(limit)s bytes of JSON; these are %(size)s.")
        raise Refused({field: [reason % {"limit": MAX_BYTES, "size": size}]})
    return plain


def problems(name: str, value: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Of a value and all that is in it, with the dotted name of its place."""
    if isinstance(value, str) and UNFIT.search(value):
        yield name, _("This text holds characters that cannot be stored.")
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        yield name, _("This number is too large.")
    if not isinstance(value, dict | list):
        return
    if depth == 0:
        yield name, _("Nested deeper than %(limit)s levels.") % {"limit": MAX_DEPTH}
        return
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, member in inner:
        if isinstance(key, str) and UNFIT.search(key):
            yield name, _("A name in it holds characters that cannot be stored.")
        else:
            yield from problems(f"{name}.{key}"[:200], member, depth - 1)


def without_infinities(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_infinities(member) for key, member in value.items()}
    if isinstance(value, list):
        return [without_infinities(member) for member in value]
    return word(value) if isinstance(value, float) else value


def tags(given: Iterable[str]) -> list[str]:
    """In their order, each once."""
    found: list[str] = []
    for text in given:
        tag = as_tag(text)
        if tag is None:
            reason = _("A tag has from 1 to %(limit)s visible characters, and no comma among them.")
            raise Refused({"tags": [reason % {"limit": MAX_TAG}]})
        found.append(tag)
    found = list(dict.fromkeys(found))
    if len(found) > MAX_TAGS:
        raise Refused({"tags": [_("At most %(limit)s tags.") % {"limit": MAX_TAGS}]})
    return found


def notes(given: str) -> str:
    if len(given) > MAX_NOTES:
        raise Refused({"notes": [_("At most %(limit)s characters.") % {"limit": MAX_NOTES}]})
    if UNFIT.search(given):
        raise Refused({"notes": [_("This text holds characters that cannot be stored.")]})
    return given


def name(given: str) -> str:
    given = given.strip()
    if len(given) > MAX_NAME:
        raise Refused({"name": [_("At most %(limit)s characters.") % {"limit": MAX_NAME}]})
    if UNFIT_IN_NAMES.search(given):
        raise Refused({"name": [_("This text holds characters that cannot be stored.")]})
    return given
