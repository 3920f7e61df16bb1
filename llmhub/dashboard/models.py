"""What people keep of the pages about many runs: views, notes, what can be undone."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from llmhub.accounts.models import Project, User

# After this time what was done stands.
UNDO_WITHIN = timedelta(days=1)


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def seen_by(self, user: User, project: Project) -> SavedViewQuerySet:
        """The project's views and the person's own ones."""
        own = Q(owner=None) | Q(owner=user)
        return self.filter(own, project=project, deleted_at=None)


class SavedView(models.Model):
    """A filter, columns and an order of the runs table under a name."""

    project = models.ForeignKey(
        "accounts.Project", on_delete=models.CASCADE, related_name="saved_views"
    )
    # Empty: it belongs to the project.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="saved_views"
    )
    name = models.CharField(_("name"), max_length=80)
    filter = models.TextField(blank=True)
    columns = models.TextField(blank=True)
    sort = models.CharField(max_length=300, blank=True)
    # What the page opens with; a person's own one comes before the project's.
    is_default = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "owner", "name"],
                condition=Q(deleted_at=None),
                nulls_distinct=False,
                name="one_view_per_name",
            ),
            models.UniqueConstraint(
                fields=["project", "owner"],
                condition=Q(deleted_at=None, is_default=True),
                nulls_distinct=False,
                name="one_default_view",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ChangeQuerySet(models.QuerySet["Change"]):
    def undoable(self) -> ChangeQuerySet:
        return self.filter(undone_at=None, created_at__gt=timezone.now() - UNDO_WITHIN)


class Change(models.Model):
    """What a person did to many rows at once, for the button that takes it back."""

    project = models.ForeignKey("accounts.Project", on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    # The verb of `organise`, or of a saved view, that takes it back, with what it is told.
    undo = models.CharField(max_length=20)
    text = models.CharField(max_length=200, blank=True)
    ids = ArrayField(models.BigIntegerField())
    created_at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True)

    objects = ChangeQuerySet.as_manager()


class RunNote(models.Model):
    """What somebody has to say of a step of a run, pinned to its curves."""

    MOST_CHARACTERS = 2_000

    run = models.ForeignKey("runs.Run", on_delete=models.CASCADE, related_name="step_notes")
    step = models.BigIntegerField(_("step"))
    text = models.TextField(_("text"), max_length=MOST_CHARACTERS)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="step_notes"
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["step", "pk"]
        indexes = [models.Index(fields=["run", "step"], name="notes_of_run")]
