"""Start-up says which settings the glossary does not explain, and which it speaks of in vain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, register

from llmhub.recipes import fields
from llmhub.reference import glossary
from llmhub.reference.checks import warnings
from llmhub.reference.content import Library, library
from llmhub.reference.gaps import misnamed, unexplained


@register("reference")
def settings_are_explained(**_options: Any) -> list[CheckMessage]:
    return warnings(gaps(library()), "recipes.W001")


def gaps(entries: Library) -> Iterator[str]:
    yield from unexplained(fields.known(), glossary.of_field)
    yield from misnamed("fields", fields.known(), entries)
