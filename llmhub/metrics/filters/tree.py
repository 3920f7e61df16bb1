"""What a filter says, as a tree. `str()` of it reads as the same tree again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from llmhub.metrics.filters.words import bare, quoted

KEYWORDS = frozenset({"and", "or", "not", "in", "has", "contains", "ago"})
FUNCTIONS = ("last", "min", "max", "count")
SIGNS = ("=", "!=", "<", "<=", ">", ">=", "~", "!~")


@dataclass(frozen=True)
class Span:
    """Where something stands in the text; of no weight when trees are compared."""

    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@dataclass(frozen=True, kw_only=True)
class Name(Span):
    """A field of the run, or `config.` and the name of a value."""

    text: str

    def __str__(self) -> str:
        return self.text if bare(self.text) else quoted(self.text)

    @cached_property
    def key(self) -> str:
        return self.text.lower()


@dataclass(frozen=True, kw_only=True)
class Figure(Span):
    """The last, smallest or largest value of a metric, or how many points it has."""

    function: str
    metric: str

    def __str__(self) -> str:
        return f"{self.function}({self.metric if bare(self.metric) else quoted(self.metric)})"


Operand = Name | Figure


@dataclass(frozen=True, kw_only=True)
class Value(Span):
    text: str
    # In quotes: a text, whatever it looks like.
    is_quoted: bool = False
    # “7d ago”
    ago: bool = False

    def __str__(self) -> str:
        text = quoted(self.text) if self.is_quoted else self.text
        return f"{text} ago" if self.ago else text


@dataclass(frozen=True, kw_only=True)
class Compare(Span):
    operand: Operand
    sign: str
    value: Value

    def __str__(self) -> str:
        return f"{self.operand} {self.sign} {self.value}"


@dataclass(frozen=True, kw_only=True)
class OneOf(Span):
    operand: Operand
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.operand} in ({', '.join(map(str, self.values))})"


@dataclass(frozen=True, kw_only=True)
class Has(Span):
    operand: Operand

    def __str__(self) -> str:
        return f"has {self.operand}"


@dataclass(frozen=True, kw_only=True)
class Search(Span):
    """A word by itself: looked for in what a list shows of a run."""

    value: Value

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, kw_only=True)
class Flag(Span):
    """`archived` or `trashed`, by itself."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Not:
    part: Node

    def __str__(self) -> str:
        return f"not {_inside(self.part, All, Any_)}"


@dataclass(frozen=True)
class All:
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return " and ".join(_inside(part, Any_) for part in self.parts)


@dataclass(frozen=True)
class Any_:  # noqa: N801 as a name, `Any` is taken
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return " or ".join(map(str, self.parts))


Leaf = Compare | OneOf | Has | Search | Flag
Node = Leaf | Not | All | Any_


def _inside(part: Node, *weaker: type) -> str:
    return f"({part})" if isinstance(part, weaker) else str(part)


def joined(kind: type[All] | type[Any_], parts: Iterable[Node]) -> Node:
    """The parts under one node; one part stands alone, and parts of the same kind melt in."""
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else [part])
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def leaves(node: Node) -> Iterable[Leaf]:
    if isinstance(node, Not):
        yield from leaves(node.part)
    elif isinstance(node, All | Any_):
        for part in node.parts:
            yield from leaves(part)
    else:
        yield node
