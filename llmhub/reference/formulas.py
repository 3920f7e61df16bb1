"""Formulas: LaTeX in a file, MathML on a page. Browsers draw it without a script or a style."""

from __future__ import annotations

from functools import cache

from django.utils.safestring import SafeString, mark_safe
from latex2mathml.converter import convert


@cache
def mathml(latex: str, *, inline: bool = False) -> SafeString:
    """Only for formulas of the files that come with the hub, never for what a person typed."""
    return mark_safe(convert(latex, display="inline" if inline else "block"))  # noqa: S308
