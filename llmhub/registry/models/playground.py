"""Talking to versions: conversations, questions, answers, and the processes that write them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from llmhub.datasets.problems import Explained, explain

if TYPE_CHECKING:
    from llmhub.accounts.models import User
    from llmhub.registry.models.versions import ModelVersion

# The worker that looks after its process says every 5 seconds that it lives.
SERVING_SILENT_AFTER = timedelta(seconds=30)


class Mode(models.TextChoices):
    CHAT = "chat", _("Chat")
    COMPLETION = "completion", _("Completion")


class Side(models.TextChoices):
    LEFT = "left", _("left")
    RIGHT = "right", _("right")


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def with_names(self) -> ConversationQuerySet:
        return self.select_related("left__model", "right__model", "created_by", "project")


class Conversation(models.Model):
    """With one version, or with two side by side that get the same questions."""

    project = models.ForeignKey(
        "accounts.Project", on_delete=models.CASCADE, related_name="conversations"
    )
    # The beginning of the first question.
    title = models.CharField(_("title"), max_length=120)
    mode = models.CharField(max_length=10, choices=Mode)
    left = models.ForeignKey(
        "registry.ModelVersion", on_delete=models.CASCADE, related_name="conversations"
    )
    right = models.ForeignKey(
        "registry.ModelVersion", null=True, on_delete=models.CASCADE, related_name="+"
    )
    system = models.TextField(_("instructions"), blank=True)
    # Whether the project's datasets of playground prompts and preferences have its rows.
    gives_prompts = models.BooleanField(default=False)
    gives_pairs = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        ordering = ["-changed_at", "-pk"]

    def __str__(self) -> str:
        return self.title

    @property
    def versions(self) -> dict[Side, ModelVersion]:
        sides = {Side.LEFT: self.left}
        return sides if self.right is None else sides | {Side.RIGHT: self.right}


class Turn(models.Model):
    """What a person wrote, to be answered by each side."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="turns")
    number = models.PositiveIntegerField()
    text = models.TextField(blank=True)
    # "way" (greedy, sampling, beam) with its values, "seed" and "max_new_tokens".
    decoding = models.JSONField()
    # Which answer a person found better.
    better = models.CharField(max_length=5, choices=Side, blank=True)
    judged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    asked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "number"], name="one_turn_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id}/{self.number}"

    def can_be_judged(self) -> bool:
        """Needs answers prefetched: there are two, and neither has failed."""
        answers = list(self.answers.all())
        return len(answers) == len(Side) and not any(answer.problem for answer in answers)


class AnswerQuerySet(models.QuerySet["Answer"]):
    def open(self) -> AnswerQuerySet:
        return self.filter(state__in=[Answer.State.QUEUED, Answer.State.WRITING])

    def visible_to(self, user: User) -> AnswerQuerySet:
        return self.filter(project__memberships__user=user)


class Answer(models.Model):
    """What one version writes after one prompt. A script's has no turn."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        WRITING = "writing", _("Writing")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    class EndedBy(models.TextChoices):
        END = "end", _("The model ended it.")
        LENGTH = "length", _("It has as many tokens as were asked for.")
        CONTEXT = "context", _("The model's context is full.")
        CANCELLED = "cancelled", _("Stopped.")
        TIME = "time", _("It took longer than an answer may.")

    project = models.ForeignKey("accounts.Project", on_delete=models.CASCADE, related_name="+")
    version = models.ForeignKey(
        "registry.ModelVersion", on_delete=models.CASCADE, related_name="answers"
    )
    turn = models.ForeignKey(Turn, null=True, on_delete=models.CASCADE, related_name="answers")
    side = models.CharField(max_length=5, choices=Side, default=Side.LEFT)
    # {"messages": [...]} of a chat or {"prompt": ...}: the model reads this and nothing else.
    request = models.JSONField()
    decoding = models.JSONField()

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    serving = models.ForeignKey(
        "registry.Serving", null=True, on_delete=models.SET_NULL, related_name="answers"
    )
    text = models.TextField(blank=True)
    # Each: "text", "probability" and the likeliest "others"; "ends" where it ended the answer.
    tokens = models.JSONField(default=list)
    ended_by = models.CharField(max_length=10, choices=EndedBy, blank=True)
    # prompt_tokens, tokens, first_token_seconds, seconds, tokens_per_second
    figures = models.JSONField(default=dict)
    # Why it failed: a code of `lib.problems` with its values.
    problem = models.JSONField(default=dict)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    asked_at = models.DateTimeField(default=timezone.now)

    objects = AnswerQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["turn", "side"], name="one_answer_per_side")]
        indexes = [
            models.Index(
                fields=["version", "id"],
                name="answers_not_over",
                condition=models.Q(state__in=["queued", "writing"]),
            )
        ]

    def __str__(self) -> str:
        return f"answer {self.pk}"

    def is_over(self) -> bool:
        return self.state in {self.State.DONE, self.State.FAILED}

    def said(self) -> Explained | None:
        """Why it failed, in the reader's language."""
        return explain(self.problem)


class ServingQuerySet(models.QuerySet["Serving"]):
    def open(self) -> ServingQuerySet:
        return self.exclude(state=Serving.State.ENDED)

    def silent(self) -> ServingQuerySet:
        """Taken by a machine, and not heard of lately, on the database's clock."""
        taken = self.filter(state__in=[Serving.State.LOADING, Serving.State.READY])
        return taken.filter(seen_at__lt=Now() - SERVING_SILENT_AFTER)


class Serving(models.Model):
    """A process that holds a version in memory: wanted, loaded, ready, gone."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting for a worker")
        LOADING = "loading", _("Loading")
        READY = "ready", _("Ready")
        ENDED = "ended", _("Unloaded")

    version = models.ForeignKey(
        "registry.ModelVersion", on_delete=models.CASCADE, related_name="servings"
    )
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    node = models.CharField(max_length=200, blank=True)
    # Of the token that the process speaks with; empty before a machine has taken it.
    secret_hash = models.CharField(max_length=64, blank=True)
    # context, has_chat_template, device, parameters, load_seconds
    facts = models.JSONField(default=dict)
    problem = models.JSONField(default=dict)
    asked_at = models.DateTimeField(default=timezone.now)
    # Set and compared on the database's clock only.
    seen_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = ServingQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["version"],
                condition=~models.Q(state="ended"),
                name="one_process_per_version",
            )
        ]

    def __str__(self) -> str:
        return f"serving {self.pk}"

    def news(self) -> dict[str, Any]:
        """What open pages are told; why it ended they ask for themselves, in their language."""
        return {"type": "model", "version": self.version_id, "state": self.state}
