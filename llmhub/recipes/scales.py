"""Scales: how a recipe is cut to the machine at hand."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Scale(models.TextChoices):
    FULL = "full", _("Full")
    FIT = "fit", _("Fit")
    SMOKE = "smoke", _("Smoke")
