"""What versions are judged by, and what each of them scored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from llmhub.lib.task_rows import TaskKind
from llmhub.registry.models.versions import ModelVersion

if TYPE_CHECKING:
    from llmhub.accounts.models import Project


class TaskKinds(models.TextChoices):
    """How an answer is scored; the values are those of `lib.task_rows`."""

    LOSS = TaskKind.LOSS.value, _("Held-out loss")
    CHOICE = TaskKind.CHOICE.value, _("Multiple choice")
    EXACT = TaskKind.EXACT.value, _("Exact match")
    BLEU = TaskKind.BLEU.value, _("Translation (BLEU)")
    SUITE = TaskKind.SUITE.value, _("Prompts to read")
    LM_EVAL = TaskKind.LM_EVAL.value, _("Task of lm-eval")
    REVIEW = TaskKind.REVIEW.value, _("Review by people")


class EvaluationTask(models.Model):
    """Immutable: other rows or another rule make the next number of the same name."""

    project = models.ForeignKey(
        "accounts.Project", on_delete=models.CASCADE, related_name="evaluation_tasks"
    )
    slug = models.SlugField(max_length=80)
    name = models.CharField(_("name"), max_length=120)
    number = models.PositiveIntegerField(default=1)
    kind = models.CharField(max_length=10, choices=TaskKinds)
    description = models.TextField(_("description"), max_length=2_000, blank=True)
    # Of an exact match: {"pattern", "ignore_case"}; of a task of lm-eval: {"name"}.
    rule = models.JSONField(default=dict)

    # Rows that a team wrote: a file in the default storage, and its first rows for the page.
    stored = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    rows = models.PositiveIntegerField(null=True)
    sample = models.JSONField(default=list)
    # Or rows of a dataset: those kept out of training (`share`), or all of them (0).
    dataset_version = models.ForeignKey(
        "datasets.DatasetVersion", null=True, on_delete=models.PROTECT, related_name="tasks"
    )
    share = models.FloatField(default=0)

    archived_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "slug", "number"], name="one_evaluation_task_number"
            )
        ]

    def __str__(self) -> str:
        return self.name if self.number == 1 else f"{self.name} v{self.number}"

    def path(self) -> Path:
        return Path(default_storage.path(self.stored))

    def has_answers(self) -> bool:
        """Whether the model writes, and how much it may."""
        return self.kind in {TaskKinds.EXACT, TaskKinds.BLEU, TaskKinds.SUITE}

    def as_job(self) -> dict[str, Any]:
        """What a process needs to read the rows. Needs dataset_version selected."""
        source = self.dataset_version.as_source() if self.dataset_version else None
        return {
            "kind": self.kind,
            "rule": self.rule,
            "path": str(self.path()) if self.stored else "",
            "source": source,
            "share": self.share,
        }


class EvaluationQuerySet(models.QuerySet["Evaluation"]):
    def of_project(self, project: Project) -> EvaluationQuerySet:
        return self.filter(project=project)

    def finished(self) -> EvaluationQuerySet:
        return self.exclude(figures={})

    def newest(self) -> EvaluationQuerySet:
        """The newest finished one of each version and task."""
        order = ("version_id", "task_id", "-pk")
        return self.finished().order_by(*order).distinct("version_id", "task_id")


class Evaluation(models.Model):
    """A version against a task. Its figures are written once, by the job that found them."""

    project = models.ForeignKey(
        "accounts.Project", on_delete=models.CASCADE, related_name="evaluations"
    )
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="evaluations")
    task = models.ForeignKey(EvaluationTask, on_delete=models.PROTECT, related_name="evaluations")
    job = models.OneToOneField("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    # {"style", "limit", "max_new_tokens", "contamination"}
    options = models.JSONField(default=dict)
    # Empty until the job is done; then what `workers.models.evaluate.evaluate` returns.
    figures = models.JSONField(default=dict)
    # Of each item, numbers that add up: what differences are computed from.
    counts = models.JSONField(default=list)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.version}: {self.task}"

    def is_done(self) -> bool:
        return bool(self.figures)


class EvaluationItem(models.Model):
    """What a version made of one row of a task."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    prompt = models.TextField(blank=True)
    answer = models.TextField(blank=True)
    expected = models.TextField(blank=True)
    topic = models.CharField(max_length=20, blank=True)
    counts = models.JSONField(default=list)
    # The prompt leaves the model no room for an answer.
    is_beyond = models.BooleanField(default=False)
    # It stood in what the version has learned from.
    is_known = models.BooleanField(default=False)
    more = models.JSONField(default=dict)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["evaluation", "position"], name="one_evaluation_item_position"
            )
        ]

    def __str__(self) -> str:
        return f"{self.evaluation_id}.{self.position}"
