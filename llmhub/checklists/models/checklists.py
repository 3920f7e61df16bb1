"""A checklist of one subject, and what people and machines say of its items."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from llmhub.checklists.reasons import Said, explain
from llmhub.lib.canonical import digest


def person(**options: Any) -> Any:
    """A person whose signature stays when they are erased: their number, without a constraint."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
        **options,
    )


class ChecklistState(models.TextChoices):
    OPEN = "open", _("Open")
    # Its run was launched, or its version promoted: nothing is signed or withdrawn any more.
    SETTLED = "settled", _("Signed off")
    # Its run was given up before it was launched.
    CLOSED = "closed", _("Closed")


class Checklist(models.Model):
    project = models.ForeignKey(
        "accounts.Project", on_delete=models.PROTECT, related_name="checklists"
    )
    template_version = models.ForeignKey(
        "checklists.TemplateVersion", on_delete=models.PROTECT, related_name="checklists"
    )
    # One of the two.
    run = models.ForeignKey(
        "runs.Run", null=True, on_delete=models.CASCADE, related_name="checklists"
    )
    model_version = models.ForeignKey(
        "registry.ModelVersion", null=True, on_delete=models.CASCADE, related_name="checklists"
    )
    # By name of a part: what it is now, and its hash.
    subject = models.JSONField()
    hashes = models.JSONField()
    # Who made or edited the subject: they cannot be the only ones who sign.
    authors = ArrayField(models.BigIntegerField(), default=list)
    # The project had one member when it was signed off: they signed their own.
    is_solo = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=ChecklistState, default=ChecklistState.OPEN)
    carried_from = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="carried_to"
    )
    created_by = person(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(run=None) ^ Q(model_version=None), name="one_subject_of_a_checklist"
            ),
            models.UniqueConstraint(
                fields=["run", "template_version"], name="one_checklist_of_a_run"
            ),
            models.UniqueConstraint(
                fields=["model_version", "template_version"],
                condition=Q(state="open"),
                name="one_open_checklist_of_a_version",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template_version.title}: {self.run or self.model_version}"

    def parts(self, names: Any) -> dict[str, Any]:
        """Those parts of the subject, as they are now."""
        return {str(name): self.subject.get(name) for name in names}

    def parts_hash(self, names: Any) -> str:
        """What a signature of an item that depends on these parts is bound to."""
        return digest({str(name): self.hashes.get(name) for name in names})

    def is_open(self) -> bool:
        return self.state == ChecklistState.OPEN


class Meaning(models.TextChoices):
    """What a signature says."""

    VERIFIED = "verified", _("I verified this")
    REVIEWED = "reviewed", _("I reviewed this")
    APPROVE = "approve", _("I approve this")
    ACCEPT_RISK = "accept_risk", _("I accept the risk")


class OfItem(models.Model):
    """What is said of one item of a checklist."""

    checklist = models.ForeignKey(Checklist, on_delete=models.CASCADE, related_name="%(class)s_set")
    item = models.CharField(max_length=40)

    class Meta:
        abstract = True


class Bound(OfItem):
    """Bound to the parts of the subject that the item depends on, as they were."""

    parts = models.JSONField()
    parts_hash = models.CharField(max_length=64)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Signature(Bound):
    user = person()
    # At the time of signing.
    role = models.CharField(max_length=10)
    meaning = models.CharField(max_length=12, choices=Meaning)
    note = models.TextField(blank=True)
    # Rows of Evidence that the person had before them, and the digest of what these say.
    evidence = ArrayField(models.BigIntegerField(), default=list)
    evidence_hash = models.CharField(max_length=64, blank=True)
    signed_at = models.DateTimeField(default=timezone.now)
    # Carried over from this signature of an earlier checklist.
    carried_from = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["signed_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["checklist", "item", "user", "parts_hash"],
                condition=Q(withdrawn_at=None),
                name="a_person_signs_an_item_once",
            )
        ]

    def __str__(self) -> str:
        return f"signature {self.pk} of {self.item}"


class Waiver(Bound):
    """The item is not done, and somebody answers for that until a day."""

    by = person()
    owner = person()
    reason = models.TextField()
    until = models.DateField()
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["made_at", "pk"]

    def __str__(self) -> str:
        return f"waiver {self.pk} of {self.item}"


class EvidenceKind(models.TextChoices):
    CHECK = "check", _("Check")
    FILE = "file", _("File")
    LINK = "link", _("Link")
    RUN = "run", _("Run")


class Outcome(models.TextChoices):
    """What a check found. UNKNOWN: the data cannot decide, people do."""

    PASSED = "passed", _("Passed")
    FAILED = "failed", _("Failed")
    UNKNOWN = "unknown", _("Cannot be decided by a machine")


class Evidence(OfItem):
    kind = models.CharField(max_length=8, choices=EvidenceKind)
    # Of a check: empty while its job is under way. Its name and version, what it measured, and the
    # hashes of what it looked at.
    outcome = models.CharField(max_length=8, choices=Outcome, blank=True)
    check_name = models.CharField(max_length=40, blank=True)
    check_version = models.PositiveSmallIntegerField(null=True)
    # Why: codes of `checklists.reasons` with their values.
    reasons = models.JSONField(default=list, blank=True)
    measured = models.JSONField(default=dict, blank=True)
    inputs = models.JSONField(default=dict, blank=True)
    parts_hash = models.CharField(max_length=64)
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    # Of people: an address, a run, or a file by its hash, stored under HUB_DATA/evidence.
    link = models.URLField(max_length=500, blank=True)
    run = models.ForeignKey(
        "runs.Run",
        null=True,
        # The number stays, as those of people do: what evidence says must not change.
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    file_name = models.CharField(max_length=200, blank=True)
    file_sha256 = models.CharField(max_length=64, blank=True)
    file_bytes = models.BigIntegerField(null=True)
    note = models.TextField(blank=True)
    by = person(null=True)
    taken_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-taken_at", "-pk"]
        indexes = [models.Index(fields=["checklist", "item", "-taken_at"], name="evidence_of_item")]

    def __str__(self) -> str:
        return f"evidence {self.pk} of {self.item}"

    def explained(self) -> list[Said]:
        """Why a check ended as it did, for who reads it now."""
        return [explain(reason) for reason in self.reasons]

    def content(self) -> dict[str, Any]:
        """What a signature that refers to it covers."""
        return {
            "kind": self.kind,
            "item": self.item,
            "outcome": self.outcome,
            "check": [self.check_name, self.check_version],
            "reasons": self.reasons,
            "measured": self.measured,
            "inputs": self.inputs,
            "parts": self.parts_hash,
            "link": self.link,
            "run": self.run_id,
            "file": [self.file_name, self.file_sha256, self.file_bytes],
            "note": self.note,
            "by": self.by_id,
            "at": self.taken_at.isoformat(),
        }


class Comment(OfItem):
    """`item`: empty for a word on the whole checklist."""

    user = person()
    text = models.TextField()
    mentions = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"comment {self.pk}"
