"""What the hub checks by itself, by name: templates name the checks of their items."""

from __future__ import annotations

from llmhub.checklists.checks import (
    api_probe,
    code,
    data,
    drill,
    infrastructure,
    model,
    validation,
)
from llmhub.checklists.checks.base import About, Check, Finding

__all__ = ["KNOWN", "About", "Check", "Finding"]

KNOWN: dict[str, Check] = {
    check.name: check
    for checks in (
        data.CHECKS,
        infrastructure.CHECKS,
        code.CHECKS,
        drill.CHECKS,
        validation.CHECKS,
        model.CHECKS,
        api_probe.CHECKS,
    )
    for check in checks
}
