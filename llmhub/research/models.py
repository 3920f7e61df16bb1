"""What a team wants to find out: hypotheses, the runs that decide them, and what was concluded."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from llmhub.lib.remarks import MAX_NOTES

MAX_STATEMENT = 300
MAX_CONCLUSION = 5_000
MAX_LINK_NOTE = 200


class State(models.TextChoices):
    OPEN = "open", _("Open")
    SUPPORTED = "supported", _("Supported")
    REFUTED = "refuted", _("Refuted")


class Direction(models.TextChoices):
    """Which way the variant is expected to move the deciding metric."""

    LOWER = "lower", _("lower than the baseline")
    HIGHER = "higher", _("higher than the baseline")


class Reading(models.TextChoices):
    """Which of a run's values of the metric counts."""

    LAST = "last", _("the last value")
    BEST = "best", _("the best value")


class HypothesisQuerySet(models.QuerySet["Hypothesis"]):
    def listed(self) -> HypothesisQuerySet:
        """Without those that are out of the way."""
        return self.filter(archived_at=None)

    def with_names(self) -> HypothesisQuerySet:
        return self.select_related("project", "owner", "concluded_by", "created_by")


class Hypothesis(models.Model):
    project = models.ForeignKey(
        "accounts.Project", on_delete=models.CASCADE, related_name="hypotheses"
    )
    statement = models.CharField(_("statement"), max_length=MAX_STATEMENT)
    # Why, and whatever else: Markdown.
    notes = models.TextField(_("why, and notes"), max_length=MAX_NOTES, blank=True)
    # The slug of a track of the reference; one that a release does not have any more stays.
    track = models.CharField(_("track"), max_length=80, blank=True)
    # How it is decided. Empty: by whatever its conclusion says.
    metric = models.CharField(_("deciding metric"), max_length=200, blank=True)
    direction = models.CharField(_("expected"), max_length=6, choices=Direction, blank=True)
    reading = models.CharField(
        _("what counts"), max_length=4, choices=Reading, default=Reading.LAST
    )
    # By how much at least.
    threshold = models.FloatField(_("by at least"), null=True, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    conclusion = models.TextField(max_length=MAX_CONCLUSION, blank=True)
    concluded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    concluded_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    # Grows with every change: whoever saves what they read before that is told so.
    revision = models.PositiveIntegerField(default=1)
    archived_at = models.DateTimeField(null=True)

    objects = HypothesisQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["project", "-created_at"], name="hypotheses_of_project"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="open") | Q(concluded_at__isnull=False) & ~Q(conclusion=""),
                name="closed_with_a_conclusion",
            ),
        ]

    def __str__(self) -> str:
        return self.statement

    def is_open(self) -> bool:
        return self.state == State.OPEN


class Act(models.TextChoices):
    """What happened to a hypothesis."""

    WRITTEN = "written", _("wrote it")
    EDITED = "edited", _("changed it")
    SUPPORTED = "supported", _("closed it as supported")
    REFUTED = "refuted", _("closed it as refuted")
    REOPENED = "reopened", _("reopened it")
    ARCHIVED = "archived", _("archived it")
    RESTORED = "restored", _("took it out of the archive")


class Event(models.Model):
    """One line of a hypothesis' history."""

    hypothesis = models.ForeignKey(Hypothesis, on_delete=models.CASCADE, related_name="events")
    act = models.CharField(max_length=9, choices=Act)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now)
    # Of an edit [before, after] by name of a field; of a conclusion its words and its figures as
    # they were then, which outlive the runs.
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["-pk"]


class Part(models.TextChoices):
    """What a run is in a hypothesis."""

    BASELINE = "baseline", _("Baseline")
    VARIANT = "variant", _("Variant")


class LinkedRun(models.Model):
    hypothesis = models.ForeignKey(Hypothesis, on_delete=models.CASCADE, related_name="links")
    run = models.ForeignKey("runs.Run", on_delete=models.CASCADE, related_name="hypothesis_links")
    part = models.CharField(max_length=8, choices=Part, default=Part.VARIANT)
    note = models.CharField(_("note"), max_length=MAX_LINK_NOTE, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["part", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["hypothesis", "run"], name="run_once_in_a_hypothesis")
        ]
