"""Why a value was refused, in words for the person who typed it."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import ValidationError

from llmhub.recipes.fields import Field, Problem, problems

REASONS = {
    "greater_than": gettext_lazy("Must be greater than %(gt)s."),
    "greater_than_equal": gettext_lazy("Must be at least %(ge)s."),
    "less_than": gettext_lazy("Must be less than %(lt)s."),
    "less_than_equal": gettext_lazy("Must be at most %(le)s."),
    "string_too_short": gettext_lazy("This value is needed."),
    "string_too_long": gettext_lazy("At most %(max_length)s characters."),
    "missing": gettext_lazy("This value is needed."),
    "extra_forbidden": gettext_lazy("There is no such value in this recipe."),
    "union_tag_invalid": gettext_lazy("There is no such kind."),
    "union_tag_not_found": gettext_lazy("This value is needed."),
}


def explain(error: ValidationError, known: Mapping[str, Field]) -> dict[str, list[str]]:
    """The reasons by dotted name. A union complains once per member: the person reads it once."""
    reasons: dict[str, list[str]] = {}
    for problem in problems(error, known):
        reasons.setdefault(problem.name, [reason(problem, known.get(problem.name))])
    return reasons


def reason(problem: Problem, field: Field | None) -> str:
    if problem.type == "rule":
        return _(str(problem.context["reason"]))
    if problem.type in REASONS:
        return REASONS[problem.type] % {k: plain(v) for k, v in problem.context.items()}
    return expected(field) if field else problem.message


def expected(field: Field) -> str:
    """What a field takes; said when the value is of another kind altogether."""
    choices = ", ".join(field.choices)
    if int in field.types:
        if choices:
            return _("Enter a whole number, or: %(choices)s.") % {"choices": choices}
        return _("Enter a whole number.")
    if choices:
        return _("Choose one of: %(choices)s.") % {"choices": choices}
    if float in field.types:
        return _("Enter a number, for example 0.001 or 1e-3.")
    if bool in field.types:
        return _("Choose yes or no.")
    return _("This value is not understood.")


def plain(bound: object) -> object:
    """10.0 reads as 10."""
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound
