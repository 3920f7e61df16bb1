import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('datasets', '0002_dataset_description_limit'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Mix',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(max_length=80)),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('description', models.TextField(blank=True, max_length=5000, verbose_name='description')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='MixPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('slot', models.CharField(max_length=80)),
                ('weight', models.FloatField()),
            ],
            options={
                'ordering': ['position'],
            },
        ),
        migrations.CreateModel(
            name='MixVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-number'],
            },
        ),
        migrations.CreateModel(
            name='Report',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('options', models.JSONField(default=dict)),
                ('figures', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='Tokenization',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('choice', models.JSONField()),
                ('figures', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.RenameField(
            model_name='datasetversion',
            old_name='lines',
            new_name='rows',
        ),
        migrations.AddField(
            model_name='dataset',
            name='is_benchmark',
            field=models.BooleanField(default=False, verbose_name='benchmark'),
        ),
        migrations.AddField(
            model_name='dataset',
            name='licence_note',
            field=models.TextField(blank=True, max_length=2000, verbose_name='note on the licence'),
        ),
        migrations.AddField(
            model_name='datasetversion',
            name='derivation',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='datasetversion',
            name='documents',
            field=models.BigIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='datasetversion',
            name='kind',
            field=models.CharField(choices=[('text', 'Plain text'), ('prompt_completion', 'Prompt and completion'), ('chat', 'Chat messages'), ('preference', 'Preference pairs'), ('prompts', 'Prompts')], default='text', max_length=20),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='datasetversion',
            name='parent',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='derived', to='datasets.datasetversion'),
        ),
        migrations.AddField(
            model_name='datasetversion',
            name='reading',
            field=models.JSONField(default=dict),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='datasetversion',
            name='sample',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='datasetversion',
            name='skipped',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='dataset',
            name='licence',
            field=models.CharField(blank=True, max_length=300, verbose_name='licence'),
        ),
        migrations.CreateModel(
            name='DatasetFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('name', models.CharField(max_length=255)),
                ('stored', models.CharField(db_index=True, max_length=200)),
                ('sha256', models.CharField(max_length=64)),
                ('bytes', models.BigIntegerField()),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='datasets.datasetversion')),
            ],
            options={
                'ordering': ['position'],
            },
        ),
        migrations.CreateModel(
            name='Import',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('facts', models.JSONField(default=dict)),
                ('origin', models.CharField(choices=[('upload', 'Files from this computer'), ('folder', 'A folder on the server'), ('hub', 'Hugging Face')], default='upload', max_length=10)),
                ('place', models.JSONField(default=dict)),
                ('files', models.JSONField(default=list)),
                ('is_automatic', models.BooleanField(default=False)),
                ('state', models.CharField(choices=[('receiving', 'Receiving'), ('checking', 'Looking at the files'), ('ready', 'Waiting for you'), ('importing', 'Reading'), ('done', 'Registered'), ('failed', 'Failed')], default='receiving', max_length=10)),
                ('found', models.JSONField(default=dict)),
                ('choice', models.JSONField(default=dict)),
                ('problem', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('changed_at', models.DateTimeField(auto_now=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
                ('dataset', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='imports', to='datasets.dataset')),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
    ]
