"""Templates of checklists, versioned, and when a project asks for one."""

from __future__ import annotations

from functools import cached_property

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from llmhub.checklists.items import Content, said

BILLION = 10**9


class Guards(models.TextChoices):
    """What does not happen before a checklist of the template is signed off."""

    NOTHING = "", _("Nothing")
    LAUNCH = "launch", _("The launch of a big run")
    PRODUCTION = "production", _("The promotion of a model to production")


class TemplateQuerySet(models.QuerySet["Template"]):
    def of(self, project_id: int) -> TemplateQuerySet:
        """Its own, and those that come with the product where it has none of that name."""
        own = self.model._default_manager.filter(project_id=project_id)
        built_in = Q(project=None) & ~Q(slug__in=own.values("slug"))
        return self.filter(Q(project_id=project_id) | built_in, archived_at=None)


class Template(models.Model):
    # None: it comes with the product. A project that changes it gets one of its own.
    project = models.ForeignKey(
        "accounts.Project", null=True, on_delete=models.PROTECT, related_name="checklist_templates"
    )
    slug = models.SlugField(max_length=60)
    guards = models.CharField(max_length=12, choices=Guards, blank=True, default=Guards.NOTHING)
    archived_at = models.DateTimeField(null=True)

    objects = TemplateQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "slug"],
                name="one_template_of_a_name",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def is_built_in(self) -> bool:
        return self.project_id is None

    def latest(self) -> TemplateVersion:
        return self.versions.get(number=self.versions.aggregate(n=models.Max("number"))["n"])


class TemplateVersion(models.Model):
    """Never changed: a checklist keeps the version that it began with."""

    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    # `items.Content` as JSON, and the digest of that.
    content = models.JSONField()
    sha256 = models.CharField(max_length=64)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["template", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="template_numbers")
        ]

    def __str__(self) -> str:
        return f"{self.title} v{self.number}"

    @cached_property
    def parsed(self) -> Content:
        return Content.model_validate(self.content)

    @property
    def title(self) -> str:
        return said(self.parsed.title, get_language() or "en")


class TemplateChange(models.Model):
    """A version that one admin proposes and another confirms: the template guards something."""

    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="changes")
    # Of the template in `template`, or of a new one of the project where that is built in.
    project = models.ForeignKey("accounts.Project", on_delete=models.CASCADE, related_name="+")
    content = models.JSONField()
    guards = models.CharField(max_length=12, choices=Guards, blank=True, default=Guards.NOTHING)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    proposed_at = models.DateTimeField(default=timezone.now)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # Confirmed, or withdrawn where nobody has confirmed it.
    ended_at = models.DateTimeField(null=True)
    # What it became.
    version = models.ForeignKey(
        TemplateVersion, null=True, on_delete=models.PROTECT, related_name="changes"
    )

    class Meta:
        ordering = ["-proposed_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "template"],
                condition=Q(ended_at=None),
                name="one_open_change_of_a_template",
            )
        ]

    def __str__(self) -> str:
        return f"change {self.pk} of {self.template}"

    @cached_property
    def parsed(self) -> Content:
        return Content.model_validate(self.content)

    @property
    def is_solo(self) -> bool:
        """The only admin of the project confirmed what they had proposed."""
        return self.confirmed_by_id is not None and self.confirmed_by_id == self.proposed_by_id


class LaunchRule(models.Model):
    """When a run of the project is big, so that its launch is signed off. A change takes two
    admins, as that of a template does."""

    project = models.OneToOneField(
        "accounts.Project", on_delete=models.CASCADE, related_name="launch_rule"
    )
    # None: never for this reason.
    parameters = models.BigIntegerField(_("parameters"), null=True, blank=True, default=BILLION)
    gpu_hours = models.FloatField(_("GPU-hours"), null=True, blank=True, default=1.0)
    # What one admin proposes; empty where nothing is open.
    proposal = models.JSONField(default=dict, blank=True)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    def __str__(self) -> str:
        return f"launch rule of {self.project_id}"
