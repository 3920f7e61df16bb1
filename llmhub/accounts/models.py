"""People, the projects (teams) they work in, and what lets them in."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC
from typing import ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from llmhub.lib.canonical import digest


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """SHA-256 is enough here: the secrets are 256 random bits, not passwords."""
    return hashlib.sha256(secret.encode()).hexdigest()


class EmailUserManager(UserManager["User"]):
    def create_user(  # type: ignore[override]
        self, email: str, password: str | None = None, **fields: object
    ) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractUser):
    username = None  # type: ignore[assignment]
    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[EmailUserManager] = EmailUserManager()

    def __str__(self) -> str:
        return self.name or self.email


class Role(models.TextChoices):
    """What a person may do in a project; each role includes the ones before it."""

    VIEWER = "viewer", _("Viewer")
    MEMBER = "member", _("Member")
    APPROVER = "approver", _("Approver")
    ADMIN = "admin", _("Admin")

    def includes(self, needed: Role) -> bool:
        order = list(Role)
        return order.index(self) >= order.index(needed)


class ProjectQuerySet(models.QuerySet["Project"]):
    def visible_to(self, user: User) -> ProjectQuerySet:
        return self.filter(memberships__user=user)


class Project(models.Model):
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=120)
    created_at = models.DateTimeField(default=timezone.now)

    objects = ProjectQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="one_membership_per_person")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.project_id}: {self.role}"

    def may(self, needed: Role) -> bool:
        return Role(self.role).includes(needed)


class SignInLinkQuerySet(models.QuerySet["SignInLink"]):
    def open(self) -> SignInLinkQuerySet:
        return self.filter(used_at=None, expires_at__gt=timezone.now(), user__is_active=True)


class SignInLink(models.Model):
    """A link that signs one person in, once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_links")
    secret_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    objects = SignInLinkQuerySet.as_manager()

    def __str__(self) -> str:
        return f"link for {self.user_id}"

    def is_open(self) -> bool:
        return not self.used_at and self.expires_at > timezone.now() and self.user.is_active


class InviteQuerySet(models.QuerySet["Invite"]):
    def open(self) -> InviteQuerySet:
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())


class Invite(models.Model):
    """A link that lets one person join a project in a role; used at most once."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="invites")
    email = models.EmailField(_("e-mail"), blank=True)
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    secret_hash = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    objects = InviteQuerySet.as_manager()

    def __str__(self) -> str:
        return f"invitation to {self.project_id}"

    def is_open(self) -> bool:
        return not self.accepted_at and not self.revoked_at and self.expires_at > timezone.now()


class Scope(models.TextChoices):
    """What an API token may do, within what its owner may do in the project."""

    READ = "read", _("Read recipes, runs and metrics")
    LAUNCH = "runs:launch", _("Launch and stop runs")
    DATASETS = "datasets:write", _("Add and measure datasets")
    MODELS = "models:write", _("Register, evaluate, try and export models")
    PROMOTE = "models:promote", _("Promote versions of models")


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> ApiTokenQuerySet:
        fresh = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        return self.filter(fresh, revoked_at=None, user__is_active=True)


class ApiToken(models.Model):
    """A person's key to one project over HTTP; shown once, stored as a hash."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=80)
    secret_hash = models.CharField(max_length=64, unique=True)
    # The first characters, so that a person can tell their tokens apart.
    hint = models.CharField(max_length=12)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope))
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiTokenQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def is_usable(self) -> bool:
        return not self.revoked_at and (not self.expires_at or self.expires_at > timezone.now())


class AuditEntry(models.Model):
    """One act in a project; see `accounts.audit`. Rows are never changed: triggers forbid it."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="audit")
    number = models.PositiveBigIntegerField()
    # No constraint: the entry stays when the person is erased.
    user = models.ForeignKey(
        User, null=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    act = models.CharField(max_length=40)
    about = models.CharField(max_length=80)
    data = models.JSONField(default=dict)
    at = models.DateTimeField()
    # The hash of the entry before it, and its own, which covers that.
    previous = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ["project", "number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="audit_entries_in_a_row")
        ]
        indexes = [models.Index(fields=["project", "about"], name="audit_about")]

    def __str__(self) -> str:
        return f"{self.number}: {self.act} {self.about}"

    def content(self) -> dict[str, object]:
        return {
            "project": self.project_id,
            "user": self.user_id,
            "act": self.act,
            "about": self.about,
            "data": self.data,
            "at": self.at.astimezone(UTC).isoformat(),
        }

    def link(self) -> dict[str, object]:
        """What the hash covers. An export shows the link alone where an entry is about something
        else: it proves the chain, and says nothing of what happened."""
        return {
            "number": self.number,
            "previous": self.previous,
            "content": digest(self.content()),
        }
