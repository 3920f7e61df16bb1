"""The Markdown of entries as HTML: links to other entries, and formulas between dollars."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from llmhub.reference.formulas import mathml

# [text](term:kl-divergence): the scheme is the name of the page's address.
REFERENCE = re.compile(r"(term|track|resource):([a-z0-9-]+)\Z")


def _math(latex: str, options: dict[str, bool]) -> str:
    return str(mathml(latex, inline=not options["display_mode"]))


_reader = MarkdownIt("commonmark", {"html": False, "typographer": False}).enable("table")
_reader.use(dollarmath_plugin, renderer=_math, allow_space=False, double_inline=True)


def html_of(body: str) -> SafeString:
    """Only for the files that come with the hub: people's Markdown goes through lib/markdown."""
    tokens = _reader.parse(body)
    for link in links_in(tokens):
        found = REFERENCE.match(str(link.attrs.get("href", "")))
        if found:
            link.attrs["href"] = address(*found.groups())
            if found[1] == "term":
                link.attrs |= {"class": "term", "data-term": found[2]}
    written: str = _reader.renderer.render(tokens, _reader.options, {})
    return mark_safe(written)  # noqa: S308


def address(kind: str, slug: str) -> str:
    if kind == "resource":
        return f"{reverse('resources')}#{slug}"
    return reverse(kind, args=[slug])


def plain(body: str) -> str:
    """The words alone, for searching."""
    inline = [token for token in _reader.parse(body) if token.type == "inline"]
    return "\n".join("".join(map(words, token.children or ())) for token in inline)


def words(child: Token) -> str:
    """Where a line of the file ends, so does a word. Nobody reads LaTeX."""
    if child.type in {"softbreak", "hardbreak"}:
        return " "
    return "…" if child.type.startswith("math") and "\\" in child.content else child.content


def references(body: str) -> Iterator[tuple[str, str]]:
    """(kind, slug) of each entry that a body links to."""
    for link in links_in(_reader.parse(body)):
        found = REFERENCE.match(str(link.attrs.get("href", "")))
        if found:
            yield found[1], found[2]


def links_in(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield from (each for each in token.children or () if each.type == "link_open")
