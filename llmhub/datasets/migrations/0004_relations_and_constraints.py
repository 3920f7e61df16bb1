import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('datasets', '0003_rows_reports_mixes_imports'),
        ('jobs', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='import',
            name='job',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='jobs.job'),
        ),
        migrations.AddField(
            model_name='import',
            name='project',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='imports', to='accounts.project'),
        ),
        migrations.AddField(
            model_name='import',
            name='version',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='imports', to='datasets.datasetversion'),
        ),
        migrations.AddField(
            model_name='mix',
            name='created_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='mix',
            name='project',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='mixes', to='accounts.project'),
        ),
        migrations.AddField(
            model_name='mixpart',
            name='dataset_version',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='mix_parts', to='datasets.datasetversion'),
        ),
        migrations.AddField(
            model_name='mixversion',
            name='created_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='mixversion',
            name='mix',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='datasets.mix'),
        ),
        migrations.AddField(
            model_name='mixpart',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='datasets.mixversion'),
        ),
        migrations.AddField(
            model_name='report',
            name='job',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='jobs.job'),
        ),
        migrations.AddField(
            model_name='report',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reports', to='datasets.datasetversion'),
        ),
        migrations.AddField(
            model_name='tokenization',
            name='job',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='jobs.job'),
        ),
        migrations.AddField(
            model_name='tokenization',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tokenizations', to='datasets.datasetversion'),
        ),
        migrations.AddConstraint(
            model_name='datasetfile',
            constraint=models.UniqueConstraint(fields=('version', 'position'), name='one_file_per_position'),
        ),
        migrations.AddConstraint(
            model_name='mix',
            constraint=models.UniqueConstraint(fields=('project', 'slug'), name='one_mix_slug_per_project'),
        ),
        migrations.AddConstraint(
            model_name='mixversion',
            constraint=models.UniqueConstraint(fields=('mix', 'number'), name='one_mix_version_number'),
        ),
        migrations.AddConstraint(
            model_name='mixpart',
            constraint=models.UniqueConstraint(fields=('version', 'slot'), name='one_part_per_slot'),
        ),
    ]
