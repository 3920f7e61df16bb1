"""Formulas: LaTeX in a file, MathML on a page. Browsers draw it without a script or a style."""

from __future__ import annotations

import re
from functools import cache

from django.utils.safestring import SafeString, mark_safe
from latex2mathml.converter import convert

# TeX writes what these range over below and above them where a formula has a line of its own; the
# converter forgets it inside of brackets.
RANGED = re.compile(r"(\\(?:sum|prod|max|min))(?=_)")


@cache
def mathml(latex: str, *, inline: bool = False) -> SafeString:
    """Only for formulas of the files that come with the hub, never for what a person typed."""
    if inline:
        return mark_safe(convert(latex, display="inline"))  # noqa: S308
    return mark_safe(convert(RANGED.sub(r"\1\\limits", latex), display="block"))  # noqa: S308
