from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runs", "0002_terminal_states_are_final")]

    operations = [
        migrations.AddField(
            model_name="probe",
            name="device_kind",
            field=models.CharField(blank=True, default="", max_length=20),
            preserve_default=False,
        ),
    ]
