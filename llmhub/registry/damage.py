"""A version whose bytes turned out to have changed keeps that for all to see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmhub.registry import registering
from llmhub.registry.models import ModelVersion

if TYPE_CHECKING:
    from collections.abc import Mapping

CODE = "model_changed"


def note(version: ModelVersion, problem: Mapping[str, Any]) -> None:
    """`problem`: of a process that read the files, as JSON; nothing where it is another one."""
    if problem.get("code") != CODE:
        return
    damage = problem["values"].get("file", "")[:255]
    if ModelVersion.objects.filter(pk=version.pk, damage="").update(damage=damage):
        registering.tell(version.model)
