"""Where concepts and terms live among the tracks and the hypotheses of a team."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from llmhub.reference.places import Asked, Found, Place, Places, Subject
from llmhub.research import tracks
from llmhub.research.models import Hypothesis

# Named one by one, at most; the others are behind the address.
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
    its = here.filter(Q(metric__in=metrics) | Q(track__in=slugs))
    rows = list(its.only("statement", "metric", "track", "state"))
    found = {}
    for subject in subjects:
        named = [
            Place(row.statement, reverse("hypothesis", args=[row.pk]), row.get_state_display())
            for row in rows
            if row.metric in subject.metrics or row.track in subject.tracks
        ]
        if named:
            url = reverse("research")
            found[subject.slug] = Found(named[:MOST_NAMED], count=len(named), url=url)
    return Places("hypotheses", _("Hypotheses"), found)
