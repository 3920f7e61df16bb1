"""Start-up says what the reference lacks: a hub without a translation still works."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Gap

from llmhub.reference.content import BadContent, library
from llmhub.reference.gaps import gaps


@register("reference")
def reference_is_whole(**_options: Any) -> list[CheckMessage]:
    try:
        return warnings(gaps(library()), "reference.W001")
    except BadContent as error:
        return [Error(str(error), id="reference.E001")]


def warnings(gaps: Iterable[str], number: str) -> list[CheckMessage]:
    return [Gap(gap, id=number) for gap in gaps]
