"""Why data cannot be used, in the reader's language: the codes are those of `lib.problems`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from llmhub.lib import problems


@dataclass(frozen=True)
class Explained:
    code: str
    text: str
    # Empty where there is nothing to do.
    advice: str

    def __str__(self) -> str:
        return f"{self.text} {self.advice}".strip()


def explain(problem: Mapping[str, Any]) -> Explained | None:
    """None where there is none; a code of another release speaks for itself."""
    code = str(problem.get("code", ""))
    if not code:
        return None
    if code not in problems.TEXTS:
        return Explained(code, code.replace("_", " "), "")
    return Explained(code, *problems.explain(code, problem["values"], gettext))
