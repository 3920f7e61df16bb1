"""Markdown that people and scripts wrote, as HTML that a page may show."""

from __future__ import annotations

import nh3
from markdown_it import MarkdownIt

# No images: they would tell another server who reads the page, and the content policy forbids them.
TAGS = {
    *("p", "br", "hr", "blockquote", "pre", "code", "em", "strong", "s", "a"),
    *("h3", "h4", "h5", "h6", "ul", "ol", "li"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto"}
# Where a link leads learns nothing of this page, and gains nothing by it.
LINK_REL = "noopener noreferrer nofollow"
# Below the headings of the page.
HEADINGS = {"h1": "h3", "h2": "h4", "h3": "h5", "h4": "h6", "h5": "h6"}

_reader = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def html_of(text: str) -> str:
    """Nothing in it runs, loads or leaves the page by itself, whatever the text holds."""
    tokens = _reader.parse(text)
    for token in tokens:
        token.tag = HEADINGS.get(token.tag, token.tag)
    written = _reader.renderer.render(tokens, _reader.options, {})
    return nh3.clean(
        written, tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES, link_rel=LINK_REL
    )
