import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_scope_for_datasets'),
    ]

    operations = [
        migrations.AlterField(
            model_name='apitoken',
            name='scopes',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('read', 'Read recipes, runs and metrics'), ('runs:launch', 'Launch and stop runs'), ('datasets:write', 'Add and measure datasets'), ('models:write', 'Register, evaluate, try and export models'), ('models:promote', 'Promote versions of models')], max_length=20), size=None),
        ),
    ]
