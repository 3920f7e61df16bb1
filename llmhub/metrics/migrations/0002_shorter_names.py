"""Metrics of the trainer that are no part of a loss lose their prefix, also in what is kept."""

from django.contrib.postgres.fields import ArrayField
from django.db import migrations
from django.db.models import CharField, F, Func, Value

NEW_NAMES = {
    "train/learning_rate": "lr",
    "train/grad_norm": "grad_norm",
    "train/tokens": "tokens",
    "train/tokens_per_second": "tokens_per_second",
}


def rename(apps, names):
    Series = apps.get_model("metrics", "Series")
    Batch = apps.get_model("metrics", "Batch")
    for old, new in names.items():
        # A script of one's own may have logged both: two curves of one name would be one too few.
        has_both = Series.objects.filter(name=new).values("run")
        Batch.objects.filter(names__contains=[old]).exclude(run__in=has_both).update(
            names=replaced(old, new)
        )
        Series.objects.filter(name=old).exclude(run__in=has_both).update(name=new)


def replaced(old, new):
    text = CharField(max_length=200)
    return Func(
        F("names"),
        Value(old, text),
        Value(new, text),
        function="array_replace",
        output_field=ArrayField(text),
    )


def forwards(apps, schema_editor):
    rename(apps, NEW_NAMES)


def backwards(apps, schema_editor):
    rename(apps, {new: old for old, new in NEW_NAMES.items()})


class Migration(migrations.Migration):
    dependencies = [("metrics", "0001_initial")]

    operations = [migrations.RunPython(forwards, backwards)]
