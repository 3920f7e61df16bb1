"""A run that is launched for a hypothesis is linked to it in the transaction that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _

from llmhub.lib.texts import whole
from llmhub.research import linking
from llmhub.research.models import Hypothesis, Part
from llmhub.runs.purpose import Purpose
from llmhub.runs.refusal import LaunchRefused
from llmhub.runs.said import Refused

if TYPE_CHECKING:
    from llmhub.accounts.models import Project
    from llmhub.runs.models import Run


def purpose(project: Project, said: Mapping[str, str]) -> Purpose | None:
    """`?hypothesis=12&part=baseline`; without a part it is a variant."""
    if "hypothesis" not in said:
        return None
    number = whole(said["hypothesis"])
    found = Hypothesis.objects.filter(project=project, pk=number).first() if number else None
    if found is None:
        raise Http404
    part = Part.BASELINE if said.get("part") == Part.BASELINE else Part.VARIANT

    def launched(run: Run) -> None:
        try:
            linking.link(found, [run], run.created_by, part)
        except Refused as refusal:
            raise LaunchRefused({"": [str(refusal)]}) from refusal

    return Purpose(
        text=said_of(found, part),
        address=reverse("hypothesis", args=[found.pk]),
        query={"hypothesis": str(found.pk), "part": part.value},
        launched=launched,
    )


def said_of(found: Hypothesis, part: Part) -> str:
    if part == Part.BASELINE:
        text = _("It becomes a baseline of the hypothesis “%(statement)s”.")
    else:
        text = _("It becomes a variant of the hypothesis “%(statement)s”.")
    return text % {"statement": found.statement}
