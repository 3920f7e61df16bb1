"""Start-up says which items of checklists the reference speaks of in vain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, register

from llmhub.checklists import content
from llmhub.reference.checks import warnings
from llmhub.reference.content import Library, library
from llmhub.reference.gaps import misnamed


@register("reference")
def items_are_there(**_options: Any) -> list[CheckMessage]:
    return warnings(gaps(library()), "checklists.W001")


def gaps(entries: Library) -> Iterator[str]:
    known = {
        f"{template.slug}/{item.key}"
        for template in content.load()
        for item in template.content.items()
    }
    yield from misnamed("items", known, entries)
