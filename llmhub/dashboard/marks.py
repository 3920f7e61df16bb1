"""What is marked on the curves of runs: checkpoints, samples, and the notes of people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db import models
from django.db.models.functions import DenseRank

from llmhub.accounts.models import User
from llmhub.dashboard.models import RunNote
from llmhub.jobs.live import publish
from llmhub.metrics.models import Sample
from llmhub.metrics.stored import LAST
from llmhub.runs.live import run_topic
from llmhub.runs.models import Checkpoint, Run

# Of each kind on one run: more marks than that hide the curve.
MOST_MARKS = 200
# So many notes may be pinned to one run.
MOST_NOTES = 1_000

Mark = dict[str, Any]


class NoteForm(forms.Form):
    step = forms.IntegerField(min_value=0, max_value=LAST)
    text = forms.CharField(max_length=RunNote.MOST_CHARACTERS)


def of(runs: Iterable[Run]) -> dict[int, list[Mark]]:
    """The marks of each run in one statement a kind; of many alike only the newest."""
    found: dict[int, list[Mark]] = {run.pk: [] for run in runs}
    for kind, rows in (
        ("checkpoint", Checkpoint.objects.filter(run__in=found, removed_at=None)),
        ("sample", Sample.objects.filter(run__in=found)),
    ):
        for run, step in newest_steps(rows):
            found[run].append({"kind": kind, "step": step})
    for note in RunNote.objects.filter(run__in=found).select_related("by"):
        found[note.run_id].append(told(note))
    return found


def newest_steps(rows: models.QuerySet[Any]) -> Iterable[tuple[int, int]]:
    """(run, step), each once, of the last MOST_MARKS steps of each run."""
    # Rows of one step have one place, and so are one row.
    place = models.Window(
        DenseRank(), partition_by=models.F("run"), order_by=models.F("step").desc()
    )
    ranked = rows.order_by("run", "-step").annotate(place=place).filter(place__lte=MOST_MARKS)
    steps: Iterable[tuple[int, int]] = ranked.values_list("run", "step").distinct()
    return steps


def told(note: RunNote) -> Mark:
    return {
        "kind": "note",
        "id": note.pk,
        "step": note.step,
        "text": note.text,
        "by": str(note.by) if note.by else "",
        "at": note.at.isoformat(),
    }


def may_pin(run: Run) -> bool:
    return RunNote.objects.filter(run=run).count() < MOST_NOTES


def pin(run: Run, user: User, step: int, text: str) -> RunNote:
    note = RunNote.objects.create(run=run, by=user, step=step, text=text)
    _publish(run.pk)
    return note


def change(note: RunNote, text: str) -> RunNote:
    note.text = text
    note.save(update_fields=["text"])
    _publish(note.run_id)
    return note


def remove(note: RunNote) -> None:
    note.delete()
    _publish(note.run_id)


def _publish(run_id: int) -> None:
    publish(run_topic(run_id), {"type": "note", "run": run_id})
