"""Work that goes on outside a request: tasks on their way to Celery, and jobs with progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from llmhub.accounts.models import User


class Dispatch(models.Model):
    """The outbox: a task to be sent, written in the transaction that made it necessary."""

    task = models.CharField(max_length=100)
    args = models.JSONField(default=list)
    queue = models.CharField(max_length=100, default="runs")
    created_at = models.DateTimeField(default=timezone.now)
    relayed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], name="outbox_waiting", condition=models.Q(relayed_at=None))
        ]


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, user: User) -> JobQuerySet:
        return self.filter(project__memberships__user=user)

    def open(self) -> JobQuerySet:
        return self.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING])

    def abandoned(self) -> JobQuerySet:
        """Those whose watcher was not heard of lately, on the database's clock."""
        return self.filter(state=Job.State.RUNNING, lease_expires_at__lt=Now())


class Job(models.Model):
    """Long work in a process of its own: it may be started again from the beginning at any time."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        SUCCEEDED = "succeeded", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    # A key of settings.JOB_KINDS.
    kind = models.CharField(max_length=40)
    project = models.ForeignKey("accounts.Project", on_delete=models.CASCADE, related_name="jobs")
    params = models.JSONField(default=dict)
    # Quick jobs have a slot of their own, so that they need not wait for long ones.
    is_quick = models.BooleanField(default=False)

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    cancel_wanted = models.BooleanField(default=False)
    # What the process says it is doing, and how much of that is done (0 to 1).
    phase = models.CharField(max_length=40, blank=True)
    share = models.FloatField(default=0)
    result = models.JSONField(default=dict)
    # Why it failed: a code of `lib.problems` with its values.
    problem = models.JSONField(default=dict)

    # Only the watcher that carries it may speak for the job.
    fence = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    node = models.CharField(max_length=200, blank=True)
    # Set and compared on the database's clock only.
    lease_expires_at = models.DateTimeField(null=True)

    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            # The claim, and the look for abandoned jobs.
            models.Index(
                fields=["state", "id"],
                name="jobs_not_over",
                condition=models.Q(state__in=["queued", "running"]),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    def is_over(self) -> bool:
        return self.state not in {self.State.QUEUED, self.State.RUNNING}

    def percent(self) -> int:
        return int(100 * self.share)
