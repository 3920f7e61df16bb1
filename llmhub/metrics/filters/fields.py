"""The fields of a run that a filter may name, and what each sign means for them."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import (
    BooleanField,
    CharField,
    DurationField,
    F,
    FloatField,
    Func,
    Lookup,
    Q,
    Value,
)
from django.db.models.functions import Cast, Coalesce, Now
from django.db.models.lookups import (
    Exact,
    GreaterThan,
    GreaterThanOrEqual,
    IContains,
    LessThan,
    LessThanOrEqual,
)
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.accounts.models import User
from llmhub.lib.texts import whole
from llmhub.metrics.filters import tree, values
from llmhub.metrics.filters.errors import FilterError
from llmhub.recipes.models import OBJECTIVE_TITLES
from llmhub.recipes.scales import Scale
from llmhub.runs.states import ACTIVE, TERMINAL, State

LOOKUPS: dict[str, type[Lookup[Any]]] = {
    "=": Exact,
    "<": LessThan,
    "<=": LessThanOrEqual,
    ">": GreaterThan,
    ">=": GreaterThanOrEqual,
}
# Of a closed list, where nothing looks like what was written.
OFFERED = 6
ORDER = frozenset({"<", "<=", ">", ">="})

Condition = Callable[[str, tree.Value, "Asked"], Q]


@dataclass(frozen=True)
class Asked:
    """Who asks, and when."""

    user: User | None
    now: datetime


@dataclass(frozen=True)
class Field:
    name: str
    title: Promise
    # What `=`, `<` and `~` mean; `!=` and `!~` are their opposites.
    condition: Condition
    has: Q | None = None
    # What may stand on the right, where that is a closed list.
    choices: tuple[str, ...] = ()
    # Whether values of it have an order: what a completion offers as signs.
    is_ordered: bool = False


def any_of(conditions: Iterable[Q]) -> Q:
    return functools.reduce(operator.or_, conditions)


def refuse(sign: str, value: tree.Value, allowed: str) -> FilterError:
    message = _("“%(sign)s” does not fit here; use %(allowed)s.")
    return values.wrong(value, message % {"sign": sign, "allowed": allowed})


def compared(expression: Any, sign: str, right: Any) -> Q:
    """False, and not unknown, where there is no value: so that `not` means the opposite."""
    lookup = LOOKUPS[sign](expression, right)
    return Q(Coalesce(lookup, Value(False), output_field=BooleanField()))


def text(*paths: str) -> Condition:
    def condition(sign: str, value: tree.Value, asked: Asked) -> Q:
        if sign in ORDER:
            raise refuse(sign, value, "= != ~ !~ in")
        how = "icontains" if sign == "~" else "iexact"
        return any_of(Q(**{f"{path}__{how}": value.text}) for path in paths)

    return condition


def choice(path: str, known: dict[str, list[str]]) -> Condition:
    """One of a closed list; a name in it may stand for several."""

    def condition(sign: str, value: tree.Value, asked: Asked) -> Q:
        if sign in ORDER:
            raise refuse(sign, value, "= != ~ !~ in")
        wanted = value.text.lower().replace("-", "_").replace(" ", "_")
        if sign == "~":
            found = [name for name in known if wanted in name]
            return Q(**{f"{path}__in": [one for name in found for one in known[name]]})
        if wanted not in known:
            message = _("There is no “%s”.") % value.text
            error = values.wrong(value, message, tuple(known))
            error.nearest = error.nearest or list(known)[:OFFERED]
            raise error
        return Q(**{f"{path}__in": known[wanted]})

    return condition


def number(path: str) -> Condition:
    def condition(sign: str, value: tree.Value, asked: Asked) -> Q:
        if sign == "~":
            raise refuse(sign, value, "= != < <= > >= in")
        right = Value(values.number(value), output_field=FloatField())
        return compared(Cast(F(path), FloatField()), sign, right)

    return condition


TOOK = Coalesce(F("ended_at"), Now()) - F("started_at")


def took(sign: str, value: tree.Value, asked: Asked) -> Q:
    if sign == "~":
        raise refuse(sign, value, "< <= > >=")
    right = Value(values.duration(value), output_field=DurationField())
    return compared(TOOK, sign, right)


def when(path: str) -> Condition:
    """A day as a value is the whole day: after it is from the next one on."""

    def condition(sign: str, value: tree.Value, asked: Asked) -> Q:
        if sign == "~":
            raise refuse(sign, value, "= != < <= > >=")
        start, end = values.moments(value, asked.now)
        at_once = start == end
        if sign == "=":
            return Q(**{path: start} if at_once else {f"{path}__gte": start, f"{path}__lt": end})
        if sign == ">":
            return Q(**{f"{path}__{'gt' if at_once else 'gte'}": end})
        if sign == "<=":
            return Q(**{f"{path}__{'lte' if at_once else 'lt'}": end})
        return Q(**{f"{path}__{'lt' if sign == '<' else 'gte'}": start})

    return condition


def tag(sign: str, value: tree.Value, asked: Asked) -> Q:
    if sign in ORDER:
        raise refuse(sign, value, "= != ~ !~ in")
    if sign == "=":
        return Q(tags__contains=[value.text])
    joined = Func(F("tags"), Value("\n"), function="array_to_string", output_field=CharField())
    return Q(IContains(joined, value.text))


def person(sign: str, value: tree.Value, asked: Asked) -> Q:
    if value.text.lower() == "me" and not value.is_quoted and sign == "=" and asked.user:
        return Q(created_by=asked.user.pk)
    found = text("created_by__name", "created_by__email")(sign, value, asked)
    at_home = Q(created_by__email__istartswith=f"{value.text}@")
    return found | at_home if sign == "=" and value.text else found


def recipe(sign: str, value: tree.Value, asked: Asked) -> Q:
    slug, at, version = value.text.partition("@")
    path = "recipe_version__recipe"
    if sign == "=" and at:
        number = whole(version)
        if number is None:
            raise values.wrong(value, _("After “@” comes the number of a version."))
        return Q(**{f"{path}__slug__iexact": slug, "recipe_version__number": number})
    return text(f"{path}__slug", f"{path}__title__en", f"{path}__title__fr")(sign, value, asked)


STATES: dict[str, list[str]] = {str(state): [str(state)] for state in State}
STATES |= {"under_way": [*ACTIVE, State.QUEUED], "over": [*TERMINAL]}
OBJECTIVES: dict[str, list[str]] = {name: [name] for name in OBJECTIVE_TITLES}
SCALES = {str(scale): [str(scale)] for scale in Scale}

DATA = (
    "dataset_version__dataset__name",
    "dataset_version__dataset__slug",
    "mix_version__mix__name",
    "mix_version__mix__slug",
)
# Where a word by itself is looked for.
search = text("name", *DATA)

FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        Field("name", gettext_lazy("Name"), text("name")),
        Field("state", gettext_lazy("State"), choice("state", STATES), choices=tuple(STATES)),
        Field("tag", gettext_lazy("Tag"), tag, has=~Q(tags=[])),
        Field("notes", gettext_lazy("Notes"), text("notes"), has=~Q(notes="")),
        Field("recipe", gettext_lazy("Recipe"), recipe, has=~Q(recipe_version=None)),
        Field(
            "objective",
            gettext_lazy("Objective"),
            choice("objective", OBJECTIVES),
            choices=tuple(OBJECTIVES),
        ),
        Field("scale", gettext_lazy("Scale"), choice("scale", SCALES), choices=tuple(SCALES)),
        Field(
            "dataset",
            gettext_lazy("Data"),
            text(*DATA),
            has=~Q(dataset_version=None) | ~Q(mix_version=None),
        ),
        Field("person", gettext_lazy("Person"), person, has=~Q(created_by=None)),
        Field("pipeline", gettext_lazy("Pipeline"), text("pipeline__name"), has=~Q(pipeline=None)),
        Field("created", gettext_lazy("Created"), when("created_at"), is_ordered=True),
        Field(
            "started",
            gettext_lazy("Started"),
            when("started_at"),
            has=~Q(started_at=None),
            is_ordered=True,
        ),
        Field(
            "ended",
            gettext_lazy("Ended"),
            when("ended_at"),
            has=~Q(ended_at=None),
            is_ordered=True,
        ),
        Field(
            "duration",
            gettext_lazy("Duration"),
            took,
            has=~Q(started_at=None),
            is_ordered=True,
        ),
        Field("step", gettext_lazy("Step"), number("step"), is_ordered=True),
        Field("steps", gettext_lazy("Steps in all"), number("total_steps"), is_ordered=True),
        Field("id", gettext_lazy("Number"), number("pk"), is_ordered=True),
    )
}
ALIASES = {"tags": "tag", "note": "notes", "data": "dataset", "mix": "dataset", "who": "person"}
