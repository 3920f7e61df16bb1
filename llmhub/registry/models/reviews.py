"""Answers that people judge without knowing whose they are."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from llmhub.registry.models.evaluations import Evaluation

if TYPE_CHECKING:
    from llmhub.accounts.models import User


class ReviewKind(models.TextChoices):
    PAIRS = "pairs", _("Compare two answers")
    RATINGS = "ratings", _("Rate each answer, 1 to 5")


class Review(models.Model):
    """The answers of one evaluation to rate, or of two to compare."""

    project = models.ForeignKey(
        "accounts.Project", on_delete=models.CASCADE, related_name="reviews"
    )
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(max_length=10, choices=ReviewKind)
    # What people are asked.
    question = models.CharField(_("question"), max_length=300)
    first = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="reviews")
    second = models.ForeignKey(
        Evaluation, null=True, on_delete=models.CASCADE, related_name="reviews_as_second"
    )
    # Those that are judged: answers that neither version could write are left out.
    positions = models.JSONField()
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="reviews")
    # Of the order of items and sides.
    seed = models.PositiveIntegerField()
    # What it became when it was closed.
    results = models.ManyToManyField(Evaluation, related_name="from_reviews")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.name

    def is_open(self) -> bool:
        return self.closed_at is None

    def order_for(self, person: User) -> list[int]:
        """Each person meets the items in an order of their own."""
        positions = list(self.positions)
        random.Random(f"{self.seed}.{person.pk}").shuffle(positions)  # noqa: S311
        return positions

    def is_swapped(self, person: User, position: int) -> bool:
        """Whether the second version's answer is shown as A."""
        return random.Random(f"{self.seed}.{person.pk}.{position}").random() < 0.5  # noqa: S311


class Verdict(models.Model):
    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="verdicts")
    position = models.PositiveIntegerField()
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="verdicts"
    )
    # Of a pair: 1 where the first version's answer is better, -1 where the second's, 0 for a tie;
    # else the rating.
    value = models.SmallIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["review", "position", "person"], name="one_verdict_per_person"
            )
        ]

    def __str__(self) -> str:
        return f"{self.review_id}.{self.position}: {self.value}"
