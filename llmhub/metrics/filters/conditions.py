"""A filter as conditions of one query."""

from __future__ import annotations

import json
import math
from functools import reduce
from operator import and_
from typing import Any

from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet, Value
from django.utils import timezone
from django.utils.translation import gettext as _

from llmhub.accounts.models import Project, User
from llmhub.metrics.filters import tree, values
from llmhub.metrics.filters.errors import FilterError, nearest
from llmhub.metrics.filters.fields import (
    ALIASES,
    FIELDS,
    ORDER,
    Asked,
    Field,
    any_of,
    number,
    refuse,
    search,
)
from llmhub.metrics.filters.names import Names, Path, is_value
from llmhub.metrics.filters.parser import FLAGS, parse
from llmhub.metrics.models import Series
from llmhub.runs.models import Run

NEGATED = {"!=": "=", "!~": "~"}
LOOKUPS = {"=": "exact", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


class PathExists(Func):
    """Whether a config has what a path of SQL/JSON describes.

    Such a path never fails: a text where a number is compared is simply not smaller.
    """

    template = "(%(expressions)s::jsonpath)"
    arg_joiner = " @? "
    output_field = BooleanField()


def apply(rows: QuerySet[Run], text: str, project: Project, user: User | None) -> QuerySet[Run]:
    """The runs that `text` asks for; raises FilterError."""
    node = parse(text)
    return rows.filter(condition(node, project, user))


def condition(
    node: tree.Node | None, project: Project, user: User | None, names: Names | None = None
) -> Q:
    """With what is archived or in the trash only where the filter speaks of it."""
    said = [leaf.name for leaf in tree.leaves(node) if isinstance(leaf, tree.Flag)] if node else []
    hidden = reduce(and_, (~flag(name) for name in FLAGS if name not in said), Q())
    if node is None:
        return hidden
    return Compiler(names or Names(project), Asked(user, timezone.now())).of(node) & hidden


def flag(name: str) -> Q:
    return Q(**{f"{name}_at__isnull": False})


class Compiler:
    def __init__(self, names: Names, asked: Asked) -> None:
        self.names = names
        self.asked = asked

    def of(self, node: tree.Node) -> Q:
        match node:
            case tree.Not():
                return ~self.of(node.part)
            case tree.All():
                return reduce(and_, map(self.of, node.parts))
            case tree.Any_():
                return any_of(map(self.of, node.parts))
        return self.leaf(node)

    def leaf(self, node: tree.Leaf) -> Q:
        match node:
            case tree.Flag():
                return flag(node.name)
            case tree.Search():
                return search("~", node.value, self.asked) | Q(tags__contains=[node.value.text])
            case tree.Has():
                return self.has(node.operand)
            case tree.OneOf():
                return any_of(self.compared(node.operand, "=", value) for value in node.values)
            case tree.Compare():
                sign = NEGATED.get(node.sign, node.sign)
                found = self.compared(node.operand, sign, node.value)
                return ~found if node.sign in NEGATED else found

    def compared(self, operand: tree.Operand, sign: str, value: tree.Value) -> Q:
        if isinstance(operand, tree.Figure):
            return self.figure(operand, sign, value)
        if is_value(operand):
            return at_path(self.names.value(operand), predicate(sign, value))
        return self.field(operand).condition(sign, value, self.asked)

    def has(self, operand: tree.Operand) -> Q:
        if isinstance(operand, tree.Figure):
            self.names.check_metric(operand)
            return Q(Exists(series(operand)))
        if is_value(operand):
            return at_path(self.names.value(operand), "@ != null")
        # What a field is never without, every run has.
        return self.field(operand).has or Q(pk__isnull=False)

    def figure(self, figure: tree.Figure, sign: str, value: tree.Value) -> Q:
        if sign == "~":
            raise refuse(sign, value, "= != < <= > >= in")
        right = values.number(value)
        self.names.check_metric(figure)
        if math.isnan(right) and sign in ORDER:
            return Q(pk__in=[])
        if figure.function == "count":
            return Q(Exists(series(figure).filter(number("count")(sign, value, self.asked))))
        rows = series(figure).filter(**{f"{figure.function}__{LOOKUPS[sign]}": right})
        if sign in ORDER:
            # PostgreSQL holds NaN for the largest number of all.
            rows = rows.filter(**{f"{figure.function}__lt": math.nan})
        return Q(Exists(rows))

    def field(self, name: tree.Name) -> Field:
        found = FIELDS.get(ALIASES.get(name.key, name.key))
        if found is None:
            message = _("There is no field “%s”.") % name.text
            raise FilterError(message, name.start, name.end, self.meant(name.text))
        return found

    def meant(self, text: str) -> list[str]:
        """Names of all kinds, since a person may have left out what kind it is."""
        if text in self.names.metrics:
            return [str(tree.Figure(function="last", metric=text))]
        return nearest(text, [*FIELDS, *FLAGS, *self.names.values])


def series(figure: tree.Figure) -> QuerySet[Series]:
    return Series.objects.filter(run=OuterRef("pk"), name=figure.metric)


def at_path(path: Path, test: str) -> Q:
    field, *rest = path
    # Names and texts of JSON are those of the path language.
    keys = "".join(f".{json.dumps(name)}" for name in rest)
    return Q(PathExists(F(field), Value(f"${keys} ? ({test})")))


def predicate(sign: str, value: tree.Value) -> str:
    if sign == "~":
        return f'@ like_regex {json.dumps(value.text)} flag "iq"'
    right: Any = values.literal(value)
    if isinstance(right, float):
        return f"@ {'==' if sign == '=' else sign} {numeral(right)}"
    if sign == "=":
        return f"@ == {json.dumps(right)}"
    if value.is_quoted:
        return f"@ {sign} {json.dumps(right)}"
    raise values.wrong(value, _("A number was expected here: 3e-4, 10k, nan."))


def numeral(value: float) -> str:
    """As the path language writes it, which has no infinities and no NaN, like JSON."""
    if math.isnan(value):
        return '"NaN"'
    if math.isinf(value):
        return "1e400" if value > 0 else "-1e400"
    return repr(value)
