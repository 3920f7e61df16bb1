from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('datasets', '0005_files_of_versions'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='datasetversion',
            name='file',
        ),
    ]
