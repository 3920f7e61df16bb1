from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metrics", "0004_blocks_and_levels")]

    operations = [
        migrations.AddIndex(
            model_name="series",
            index=models.Index("name", "last", include=["run"], name="series_in_order"),
        )
    ]
