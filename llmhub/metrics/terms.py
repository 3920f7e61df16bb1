"""Start-up says which metrics the glossary does not explain, and what it speaks of in vain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, register

from llmhub.lib import metric_names
from llmhub.metrics.filters import tree
from llmhub.metrics.filters.errors import FilterError
from llmhub.metrics.filters.fields import OBJECTIVES
from llmhub.metrics.filters.parser import parse
from llmhub.recipes import fields
from llmhub.reference import glossary
from llmhub.reference.checks import warnings
from llmhub.reference.content import Library, library
from llmhub.reference.entries import Kind
from llmhub.reference.gaps import misnamed, unexplained

METRICS = frozenset({*metric_names.KNOWN, metric_names.DATA_SHARE.name})
# What a run and a recipe both have: a concept's filter finds either.
SHARED = frozenset({"objective", *(f"config.{name}" for name in fields.known())})


@register("reference")
def metrics_are_explained(**_options: Any) -> list[CheckMessage]:
    return warnings(gaps(library()), "metrics.W001")


def gaps(entries: Library) -> Iterator[str]:
    yield from unexplained(sorted(METRICS), glossary.of_metric)
    yield from misnamed("metrics", METRICS, entries)
    for concept in entries[Kind.CONCEPT].values():
        place = f"{Kind.CONCEPT.value}/{concept.slug}"
        yield from (f"{place}: {gap}" for gap in unfit(concept.facts.runs))


def unfit(text: str) -> Iterator[str]:
    """What a filter asks that cannot be asked of recipes as well as of runs."""
    try:
        node = parse(text)
    except FilterError as error:
        yield f"its filter cannot be read: {error.message}"
        return
    for leaf in tree.leaves(node) if node else ():
        operand = getattr(leaf, "operand", None)
        if not isinstance(operand, tree.Name) or operand.text not in SHARED:
            yield f"its filter says “{leaf}”; recipes and runs share objective and config"
        elif operand.text == "objective" and not objectives(leaf) <= OBJECTIVES.keys():
            yield f"its filter says “{leaf}”, which is no objective"


def objectives(leaf: tree.Leaf) -> set[str]:
    values = leaf.values if isinstance(leaf, tree.OneOf) else [getattr(leaf, "value", None)]
    return {value.text for value in values if value}
