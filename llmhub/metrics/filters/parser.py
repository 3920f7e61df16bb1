"""Reads a filter.

filter    = both ("or" both)*
both      = single ("and" single)*
single    = "not" single | "(" filter ")" | condition
condition = "has" operand
          | operand sign value | operand ["not"] "contains" value
          | operand ["not"] "in" "(" value ("," value)* ")"
          | "archived" | "trashed" | value
operand   = name | ("last" | "min" | "max" | "count") "(" metric ")"
"""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext as _

from llmhub.metrics.filters import tree
from llmhub.metrics.filters.errors import FilterError, nearest
from llmhub.metrics.filters.tree import Node, Operand
from llmhub.metrics.filters.words import END, SIGN, STRING, WORD, Token, split

MAX_DEPTH = 20
MAX_CONDITIONS = 50
MAX_VALUES = 200
FLAGS = ("archived", "trashed")


def parse(text: str) -> Node | None:
    """The tree; None of a text that says nothing; raises FilterError."""
    parser = Parser(split(text))
    if parser.next.kind == END:
        return None
    found = parser.either()
    if parser.next.kind != END:
        raise parser.wrong(_("“and” or “or” was expected here."))
    return found


def parse_operands(text: str) -> list[Operand]:
    """What stands left of a sign, and commas between: columns are named this way too."""
    parser = Parser(split(text))
    if parser.next.kind == END:
        return []
    found = [parser.operand()]
    while parser.next.says(","):
        parser.take()
        found.append(parser.operand())
    if parser.next.kind != END:
        raise parser.wrong(_("Nothing more was expected here."))
    return found


class Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.place = 0
        self.depth = 0
        self.conditions = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    @property
    def after(self) -> Token:
        return self.tokens[min(self.place + 1, len(self.tokens) - 1)]

    def take(self) -> Token:
        token = self.next
        self.place = min(self.place + 1, len(self.tokens) - 1)
        return token

    def wrong(self, message: str, known: tuple[str, ...] = ()) -> FilterError:
        token = self.next
        return FilterError(message, token.start, token.end, nearest(token.text, known))

    def expect(self, sign: str) -> Token:
        if not self.next.says(sign):
            raise self.wrong(_("“%s” was expected here.") % sign)
        return self.take()

    def either(self) -> Node:
        return self.series("or", tree.Any_, self.both)

    def both(self) -> Node:
        return self.series("and", tree.All, self.single)

    def series(
        self, word: str, kind: type[tree.All] | type[tree.Any_], part: Callable[[], Node]
    ) -> Node:
        parts = [part()]
        while self.next.says(word):
            self.take()
            parts.append(part())
        return tree.joined(kind, parts)

    def single(self) -> Node:
        if not self.next.says("not", "("):
            return self.condition()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.wrong(_("At most %d parentheses stand in one another.") % MAX_DEPTH)
        if self.take().text == "(":
            found = self.either()
            self.expect(")")
        else:
            found = tree.Not(self.single())
        self.depth -= 1
        return found

    def condition(self) -> Node:
        self.conditions += 1
        if self.conditions > MAX_CONDITIONS:
            raise self.wrong(_("A filter has at most %d conditions.") % MAX_CONDITIONS)
        start = self.next.start
        if self.next.says("has"):
            self.take()
            operand = self.operand()
            return tree.Has(start, operand.end, operand=operand)
        if self.stands_alone():
            return self.alone()
        return self.compared(self.operand())

    def stands_alone(self) -> bool:
        """A word that is not compared with anything."""
        ends = self.after.kind == END or self.after.says("and", "or", ")")
        is_value = self.next.kind == STRING or (
            self.next.kind == WORD and self.next.text.lower() not in tree.KEYWORDS
        )
        return is_value and ends

    def alone(self) -> Node:
        token = self.next
        if token.says(*FLAGS):
            self.take()
            return tree.Flag(token.start, token.end, name=token.text.lower())
        return tree.Search(token.start, token.end, value=self.value())

    def operand(self) -> Operand:
        token = self.next
        if token.kind not in {WORD, STRING} or token.says(*tree.KEYWORDS):
            raise self.wrong(_("A field, a config value or a metric was expected here."))
        if token.kind == WORD and self.after.says("("):
            return self.figure()
        self.take()
        return tree.Name(token.start, token.end, text=token.text)

    def figure(self) -> Operand:
        start = self.next.start
        if not self.next.says(*tree.FUNCTIONS):
            wanted = _("“last”, “min”, “max” or “count” was expected here.")
            raise self.wrong(wanted, tree.FUNCTIONS)
        function = self.take().text.lower()
        self.expect("(")
        if self.next.kind not in {WORD, STRING} or not self.next.text:
            raise self.wrong(_("The name of a metric was expected here."))
        metric = self.take().text
        end = self.expect(")").end
        return tree.Figure(start, end, function=function, metric=metric)

    def compared(self, operand: Operand) -> Node:
        start = operand.start
        negated = self.next.says("not") and self.after.says("in", "contains")
        if negated:
            self.take()
        if self.next.says("in"):
            values = self.values()
            found: Node = tree.OneOf(start, self.end(), operand=operand, values=values)
            return tree.Not(found) if negated else found
        sign = self.sign()
        value = self.value()
        sign = "!~" if negated else sign
        return tree.Compare(start, value.end, operand=operand, sign=sign, value=value)

    def sign(self) -> str:
        token = self.next
        if token.says("contains"):
            self.take()
            return "~"
        text = "=" if token.text == "==" else token.text
        if token.kind != SIGN or text not in tree.SIGNS:
            wanted = _("A comparison was expected here: %s, in or contains.")
            raise self.wrong(wanted % " ".join(tree.SIGNS))
        self.take()
        return text

    def values(self) -> tuple[tree.Value, ...]:
        self.take()
        self.expect("(")
        found = [self.value()]
        while self.next.says(","):
            self.take()
            found.append(self.value())
            if len(found) > MAX_VALUES:
                raise self.wrong(_("A list has at most %d values.") % MAX_VALUES)
        self.expect(")")
        return tuple(found)

    def value(self) -> tree.Value:
        token = self.next
        is_keyword = token.says(*tree.KEYWORDS)
        if token.kind not in {WORD, STRING} or is_keyword:
            raise self.wrong(_("A value was expected here; a text with spaces stands in quotes."))
        self.take()
        ago = token.kind == WORD and self.next.says("ago")
        end = self.take().end if ago else token.end
        return tree.Value(
            token.start, end, text=token.text, is_quoted=token.kind == STRING, ago=ago
        )

    def end(self) -> int:
        return self.tokens[self.place - 1].end
