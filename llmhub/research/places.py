"""Where concepts and terms live among the tracks and the hypotheses of a team."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from llmhub.reference.places import Asked, Found, Place, Places, Subject
from llmhub.research import tracks
from llmhub.research.models import Hypothesis, HypothesisQuerySet

# Named one by one, at most.
MOST_NAMED = 5


def research_tracks(subjects: Sequence[Subject], asked: Asked) -> Places:
    """A concept names its tracks; a term is named by tracks."""
    found = {}
    for subject in subjects:
        named = [
            Place(track.title, reverse("track", args=[track.slug]), track.short)
            for track in tracks.in_order()
            if track.slug in subject.tracks or set(subject.terms) & set(track.facts.terms)
        ]
        if named:
            found[subject.slug] = Found(named)
    return Places("tracks", _("Research tracks"), found)


def hypotheses(subjects: Sequence[Subject], asked: Asked) -> Places:
    """Those in one of its tracks, or decided by one of its metrics."""
    metrics = {name for subject in subjects for name in subject.metrics}
    slugs = {name for subject in subjects for name in subject.tracks}
    here = Hypothesis.objects.filter(project=asked.project).listed()
    rows = list(newest(here.filter(Q(metric__in=metrics) | Q(track__in=slugs))))
    found = {
        subject.slug: found_of(subject, its)
        for subject in subjects
        if (its := [row for row in rows if is_of(row, subject)])
    }
    return Places("hypotheses", _("Hypotheses"), found)


def newest(rows: HypothesisQuerySet) -> HypothesisQuerySet:
    """Of those that have the same track and metric the newest, and how many there are of them."""
    same = [F("track"), F("metric")]
    newest_first = [F("created_at").desc(), F("pk").desc()]
    return (
        rows.only("statement", "metric", "track", "state")
        .annotate(place=Window(RowNumber(), partition_by=same, order_by=newest_first))
        .annotate(alike=Window(Count("pk"), partition_by=same))
        .filter(place__lte=MOST_NAMED)
    )


def is_of(row: Hypothesis, subject: Subject) -> bool:
    return row.metric in subject.metrics or row.track in subject.tracks


def found_of(subject: Subject, rows: Sequence[Any]) -> Found:
    named = [
        Place(row.statement, reverse("hypothesis", args=[row.pk]), row.get_state_display())
        for row in rows[:MOST_NAMED]
    ]
    count = sum(row.alike for row in rows if row.place == 1)
    return Found(named, count=count, url=list_of(subject, rows))


def list_of(subject: Subject, rows: Sequence[Hypothesis]) -> str:
    """The list of a track shows the same where no other one is meant; else no list does."""
    if len(subject.tracks) > 1 or any(row.track not in subject.tracks for row in rows):
        return ""
    return f"{reverse('research')}?track={subject.tracks[0]}"
