"""Runs of a hypothesis: linked as a baseline or a variant, told what they are, and let go again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from llmhub.jobs import live
from llmhub.research.models import MAX_LINK_NOTE, Hypothesis, LinkedRun, Part
from llmhub.runs import said
from llmhub.runs.said import Refused

if TYPE_CHECKING:
    from llmhub.accounts.models import User
    from llmhub.runs.models import Run

# More than a page can compare.
MOST_RUNS = 100


@transaction.atomic
def link(
    found: Hypothesis, runs: Iterable[Run], user: User | None, part: Part, note: str = ""
) -> int:
    """How many are new in it; those that are in it already stay as they are."""
    note = checked_note(note)
    # One after the other, so that the limit holds.
    Hypothesis.objects.select_for_update(no_key=True).get(pk=found.pk)
    known = set(found.links.values_list("run", flat=True))
    fresh = [run for run in runs if run.pk not in known and run.project_id == found.project_id]
    if len(known) + len(fresh) > MOST_RUNS:
        raise Refused({"runs": [_("A hypothesis has at most %d runs.") % MOST_RUNS]})
    LinkedRun.objects.bulk_create(
        LinkedRun(hypothesis=found, run=run, part=part, note=note, by=user) for run in fresh
    )
    tell(found)
    return len(fresh)


@transaction.atomic
def change(linked: LinkedRun, part: Part, note: str) -> None:
    LinkedRun.objects.filter(pk=linked.pk).update(part=part, note=checked_note(note))
    tell(linked.hypothesis)


@transaction.atomic
def unlink(linked: LinkedRun) -> None:
    """The run itself stays as it is."""
    LinkedRun.objects.filter(pk=linked.pk).delete()
    tell(linked.hypothesis)


def checked_note(text: str) -> str:
    try:
        text = said.notes(text).strip()
    except Refused as refusal:
        raise Refused({"note": refusal.errors["notes"]}) from refusal
    if len(text) > MAX_LINK_NOTE:
        raise Refused({"note": [_("At most %(limit)s characters.") % {"limit": MAX_LINK_NOTE}]})
    return text


def tell(found: Hypothesis) -> None:
    topic = live.project_topic(found.project_id)
    live.publish(topic, {"type": "hypothesis", "hypothesis": found.pk})
