"""A version had one text file; now it has files, and says how they are read."""

import hashlib
import json

from django.db import migrations

READING = {
    "format": "text",
    "kind": "text",
    "columns": {"text": "text"},
    "encoding": "utf-8",
    "skip_bad": False,
}


def content_hash(sha256):
    facts = {"files": [sha256], "reading": READING}
    return hashlib.sha256(
        json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


def move(apps, schema_editor):
    DatasetVersion = apps.get_model("datasets", "DatasetVersion")
    DatasetFile = apps.get_model("datasets", "DatasetFile")
    for version in DatasetVersion.objects.select_related("dataset"):
        DatasetFile.objects.create(
            version=version,
            position=0,
            name=f"{version.dataset.slug}.txt",
            stored=version.file,
            sha256=version.sha256,
            bytes=version.bytes,
        )
        # Lines were counted, and stand for passages in what was registered before.
        version.reading = READING
        version.sha256 = content_hash(version.sha256)
        version.save(update_fields=["reading", "sha256"])


class Migration(migrations.Migration):

    dependencies = [
        ('datasets', '0004_relations_and_constraints'),
    ]

    operations = [
        migrations.RunPython(move, migrations.RunPython.noop),
    ]
