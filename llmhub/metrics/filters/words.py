"""A filter as words, strings and signs, each with its place in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.translation import gettext as _

from llmhub.metrics.filters.errors import FilterError

MAX_LENGTH = 2_000

WORD, STRING, SIGN, END = "word", "string", "sign", "end"
_TOKEN = re.compile(
    r"""
    (?P<string> "(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' )
    | (?P<sign> != | <= | >= | == | !~ | [=<>~(),] )
    | (?P<word> [^\s"'()=<>~,!]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
# PostgreSQL keeps neither in a text.
_UNFIT = re.compile("[\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_BARE = re.compile(r"""[^\s"'()=<>~,!]+\Z""")


@dataclass(frozen=True)
class Token:
    kind: str
    # Of a string: without its quotes.
    text: str
    start: int
    end: int

    def says(self, *words: str) -> bool:
        """Whether it is one of these signs or, in any case of letters, of these words."""
        return self.kind in {WORD, SIGN} and self.text.lower() in words


def split(text: str) -> list[Token]:
    """Ends with a token of the kind END."""
    if len(text) > MAX_LENGTH:
        message = _("A filter has at most %d characters.") % MAX_LENGTH
        raise FilterError(message, MAX_LENGTH, len(text))
    unfit = _UNFIT.search(text)
    if unfit:
        raise FilterError(_("This character cannot stand in a filter."), *unfit.span())
    found, place = [], 0
    while (place := _skip_space(text, place)) < len(text):
        found.append(_token(text, place))
        place = found[-1].end
    return [*found, Token(END, "", len(text), len(text))]


def _skip_space(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def _token(text: str, place: int) -> Token:
    match = _TOKEN.match(text, place)
    if match is None:
        if text[place] == "!":
            raise FilterError(_("After “!” comes “=” or “~”."), place, place + 1)
        raise FilterError(_("This quotation mark is not closed."), place, len(text))
    kind = str(match.lastgroup)
    inner = _ESCAPED.sub(r"\1", match[0][1:-1]) if kind == STRING else match[0]
    return Token(kind, inner, *match.span())


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def bare(text: str) -> bool:
    """Whether it reads as one word without quotes."""
    return _BARE.match(text) is not None
