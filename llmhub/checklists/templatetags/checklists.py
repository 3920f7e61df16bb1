"""Values of a subject, short enough for a line."""

from __future__ import annotations

import json
from typing import Any

from django import template
from django.utils.text import Truncator

register = template.Library()

LONGEST = 80


@register.filter
def brief(value: Any) -> str:
    """Texts as they are, all else as JSON writes it, cut where it is long; nothing is a dash."""
    if value is None or value == "":
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Truncator(text).chars(LONGEST)


@register.filter
def place(path: str) -> str:
    """Of a value of the subject: as the recipe names it, where it is one of the recipe's."""
    return path.removeprefix("recipe.config.")
