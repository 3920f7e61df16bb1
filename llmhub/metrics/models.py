"""Metrics are series, not rows: an accepted batch is one row; summaries feed the tables."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class Stream(models.Model):
    """The live cursor of a run, in a narrow row of its own because every batch moves it."""

    run = models.OneToOneField(
        "runs.Run", primary_key=True, on_delete=models.CASCADE, related_name="stream"
    )
    # Grows when points that were already sent no longer hold (a resumed attempt went back).
    epoch = models.PositiveIntegerField(default=0)
    # Grows by one with every accepted batch; given under this row's lock.
    rev = models.BigIntegerField(default=0)
    # {attempt number: the lowest step it reported}; from there on it replaces older attempts.
    first_steps = models.JSONField(default=dict)
    # Batches up to this revision lie in blocks; those after it, with so many rows, do not yet.
    folded_rev = models.BigIntegerField(default=0)
    unfolded_rows = models.BigIntegerField(default=0)


class Batch(models.Model):
    """One accepted batch of one attempt: its series share a column of steps and one of times."""

    run = models.ForeignKey("runs.Run", on_delete=models.CASCADE, related_name="batches")
    attempt = models.ForeignKey("runs.Attempt", on_delete=models.CASCADE, related_name="batches")
    number = models.PositiveBigIntegerField()
    rev = models.BigIntegerField()
    first_step = models.BigIntegerField()
    last_step = models.BigIntegerField()
    rows = models.PositiveIntegerField()
    names = ArrayField(models.CharField(max_length=200))
    # Steps and times, then a column for each name: as in metrics/codec.py or, where it is large,
    # packed like a block.
    data = models.BinaryField()
    is_packed = models.BooleanField(default=False)
    # Where in `data` the steps and times end, then each column.
    ends = ArrayField(models.PositiveIntegerField(), default=list)
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # What makes a resent batch count once.
            models.UniqueConstraint(fields=["attempt", "number"], name="one_batch_number"),
            # Catching up from a cursor reads a run's batches in this order.
            models.UniqueConstraint(fields=["run", "rev"], name="one_batch_per_rev"),
        ]


class Block(models.Model):
    """Some thousand rows of one attempt in the order of their steps, made of folded batches.

    Blocks of an attempt do not overlap: no step is in two of them, and the later row of a step has
    already replaced the earlier one. See metrics/blocks.py.
    """

    attempt = models.ForeignKey("runs.Attempt", on_delete=models.CASCADE, related_name="blocks")
    first_step = models.BigIntegerField()
    last_step = models.BigIntegerField()
    rows = models.PositiveIntegerField()
    # Its place among the attempt's; null until its buckets are in the levels.
    number = models.PositiveIntegerField(null=True)
    names = ArrayField(models.CharField(max_length=200))
    ends = ArrayField(models.PositiveIntegerField())
    data = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["attempt", "first_step"], name="one_block_per_step")
        ]


class Level(models.Model):
    """Up to some thousand buckets of one metric of an attempt; see metrics/levels.py."""

    attempt = models.ForeignKey("runs.Attempt", on_delete=models.CASCADE, related_name="levels")
    name = models.CharField(max_length=200)
    level = models.PositiveSmallIntegerField()
    # Which blocks it is of: the first one's number divided by how many there are in a row.
    part = models.PositiveIntegerField()
    first_step = models.BigIntegerField()
    last_step = models.BigIntegerField()
    buckets = models.PositiveIntegerField()
    points = models.BigIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["attempt", "name", "level", "part"], name="one_level_part"
            )
        ]


class Folded(models.Model):
    """What is known of an attempt's batches that were folded and are gone."""

    attempt = models.OneToOneField(
        "runs.Attempt", primary_key=True, on_delete=models.CASCADE, related_name="folded"
    )
    # Ranges of their numbers, [first, last], in order: sent again, they count no more.
    numbers = models.JSONField(default=list)
    # Blocks up to this step have their buckets in the levels.
    levelled_step = models.BigIntegerField(null=True)


class Series(models.Model):
    """What is known of one metric of one run without reading its points."""

    run = models.ForeignKey("runs.Run", on_delete=models.CASCADE, related_name="series")
    name = models.CharField(max_length=200)
    count = models.BigIntegerField(default=0)
    last = models.FloatField(null=True)
    last_step = models.BigIntegerField(null=True)
    # Of the finite values; NaN and infinities are counted apart.
    min = models.FloatField(null=True)
    min_step = models.BigIntegerField(null=True)
    max = models.FloatField(null=True)
    max_step = models.BigIntegerField(null=True)
    not_finite = models.BigIntegerField(default=0)
    # A thinned copy for sparklines: at most 64 values, every `spark_stride`-th one.
    spark = ArrayField(models.FloatField(), default=list)
    spark_stride = models.BigIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "name"], name="one_series_per_name")]
        indexes = [
            # The runs table walks a metric in its order, and finds who has one without its rows.
            models.Index("name", "last", include=["run"], name="series_in_order"),
        ]


class Sample(models.Model):
    """What a model wrote at a step, after one of the prompts that stay the same."""

    run = models.ForeignKey("runs.Run", on_delete=models.CASCADE, related_name="samples")
    attempt = models.ForeignKey("runs.Attempt", on_delete=models.CASCADE, related_name="samples")
    step = models.BigIntegerField()
    # Of the prompt.
    index = models.PositiveSmallIntegerField()
    prompt = models.TextField()
    text = models.TextField()
    decoding = models.CharField(max_length=20)
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["index", "-step"]
        constraints = [
            # A resumed run writes again what an earlier attempt wrote.
            models.UniqueConstraint(fields=["run", "index", "step"], name="one_sample_per_step")
        ]


class LogChunk(models.Model):
    """A piece of an attempt's console output, placed by its byte offset in the log file."""

    attempt = models.ForeignKey("runs.Attempt", on_delete=models.CASCADE, related_name="log_chunks")
    offset = models.BigIntegerField()
    # Offset of the byte after this chunk.
    end = models.BigIntegerField()
    text = models.TextField()
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["offset"]
        constraints = [
            models.UniqueConstraint(fields=["attempt", "offset"], name="one_chunk_per_offset")
        ]
