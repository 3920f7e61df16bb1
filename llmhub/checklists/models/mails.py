"""Letters that wait to be sent: written in the transaction that made them necessary."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class MailKind(models.TextChoices):
    MENTION = "mention", _("Mention")
    REMINDER = "reminder", _("Reminder")


class MailQuerySet(models.QuerySet["Mail"]):
    def due(self) -> MailQuerySet:
        return self.filter(sent_at=None, given_up=False, next_try_at__lte=timezone.now())


class Mail(models.Model):
    """A letter to one person about a checklist; housekeeping sends it, and tries again."""

    checklist = models.ForeignKey(
        "checklists.Checklist", on_delete=models.CASCADE, related_name="mails"
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8, choices=MailKind)
    day = models.DateField()
    subject = models.CharField(max_length=300)
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    given_up = models.BooleanField(default=False)

    objects = MailQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["checklist", "user", "day"],
                condition=Q(kind=MailKind.REMINDER),
                name="one_reminder_a_day",
            )
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                name="mails_to_send",
                condition=Q(sent_at=None, given_up=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
