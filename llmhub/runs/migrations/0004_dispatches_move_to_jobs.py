from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('runs', '0003_probe_device_kind'),
    ]

    operations = [
        migrations.DeleteModel(
            name='Dispatch',
        ),
    ]
