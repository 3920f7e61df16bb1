"""Metrics of the trainer that are no part of a loss lose their prefix, also in what is kept."""

from django.db import migrations

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
        # A script of one's own may have logged both.
        taken = Series.objects.filter(name=new).values("run")
        Series.objects.filter(name=old).exclude(run__in=taken).update(name=new)
    for batch in Batch.objects.filter(names__overlap=list(names)).only("names").iterator():
        renamed = [names.get(name, name) for name in batch.names]
        if len(set(renamed)) == len(renamed):
            batch.names = renamed
            batch.save(update_fields=["names"])


def forwards(apps, schema_editor):
    rename(apps, NEW_NAMES)


def backwards(apps, schema_editor):
    rename(apps, {new: old for old, new in NEW_NAMES.items()})


class Migration(migrations.Migration):
    dependencies = [("metrics", "0001_initial")]

    operations = [migrations.RunPython(forwards, backwards)]
