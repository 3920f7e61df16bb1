"""The entries of the reference as rows: for searching, and for nothing else."""

from __future__ import annotations

from django.db import models


class Entry(models.Model):
    """One entry in one language, as `sync_reference` found it in the files."""

    kind = models.CharField(max_length=20)
    slug = models.SlugField(max_length=80)
    language = models.CharField(max_length=10)
    title = models.CharField(max_length=120)
    # Other names, separated by spaces.
    aliases = models.TextField()
    short = models.TextField()
    # The words of the body, without markup.
    text = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "slug", "language"], name="entry_once_per_language"
            )
        ]
