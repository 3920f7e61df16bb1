"""What columns may be called."""

from __future__ import annotations

from collections.abc import Sequence

from llmhub.lib.problems import Problem


def check_names(names: Sequence[str]) -> None:
    """Raises Problem where a name does not say which column it means."""
    for number, name in enumerate(names, start=1):
        if not name.strip():
            raise Problem("unnamed_column", number=number)
        if name in names[: number - 1]:
            raise Problem("duplicate_column", column=name)
