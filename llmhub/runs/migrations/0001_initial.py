import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        ("datasets", "0001_initial"),
        ("recipes", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Attempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveSmallIntegerField()),
                ("fence", models.PositiveIntegerField()),
                ("slot", models.PositiveSmallIntegerField(null=True)),
                ("secret_hash", models.CharField(max_length=64, unique=True)),
                ("lease_expires_at", models.DateTimeField()),
                ("claimed_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("resumed_from_step", models.BigIntegerField(null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("succeeded", "Succeeded"),
                            ("stopped", "Stopped"),
                            ("paused", "Paused"),
                            ("failed", "Failed"),
                            ("killed", "Killed"),
                            ("lost", "Lost"),
                        ],
                        max_length=12,
                    ),
                ),
                ("cause", models.CharField(blank=True, max_length=40)),
                ("message", models.TextField(blank=True)),
                ("exit_code", models.SmallIntegerField(null=True)),
            ],
            options={
                "ordering": ["number"],
            },
        ),
        migrations.CreateModel(
            name="Probe",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("spec_hash", models.CharField(max_length=64, unique=True)),
                ("spec", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "Pending"), ("done", "Done"), ("failed", "Failed")],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("result", models.JSONField(default=dict)),
                ("requested_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Worker",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200, unique=True)),
                ("devices", models.JSONField(default=list)),
                ("slots", models.PositiveSmallIntegerField(default=1)),
                ("cpu_count", models.PositiveIntegerField(default=1)),
                ("memory_bytes", models.BigIntegerField(default=0)),
                ("disk_free_bytes", models.BigIntegerField(default=0)),
                ("versions", models.JSONField(default=dict)),
                ("first_seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_seen_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Dispatch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("task", models.CharField(max_length=100)),
                ("args", models.JSONField(default=list)),
                ("queue", models.CharField(default="runs", max_length=100)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("relayed_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("relayed_at", None)),
                        fields=["id"],
                        name="dispatch_waiting",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Run",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("objective", models.CharField(max_length=20)),
                (
                    "scale",
                    models.CharField(
                        choices=[("full", "Full"), ("fit", "Fit"), ("smoke", "Smoke")],
                        max_length=10,
                        verbose_name="scale",
                    ),
                ),
                ("overrides", models.JSONField(blank=True, default=dict)),
                ("config", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("awaiting_sign_off", "Awaiting sign-off"),
                            ("queued", "Queued"),
                            ("claimed", "Claimed"),
                            ("starting", "Starting"),
                            ("running", "Running"),
                            ("unreachable", "Unreachable"),
                            ("stopping", "Stopping"),
                            ("paused", "Paused"),
                            ("lost", "Lost"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("stopped", "Stopped"),
                        ],
                        default="draft",
                        max_length=20,
                    ),
                ),
                (
                    "want",
                    models.CharField(
                        choices=[("run", "Run"), ("pause", "Pause"), ("stop", "Stop")],
                        default="run",
                        max_length=10,
                    ),
                ),
                ("fence", models.PositiveIntegerField(default=0)),
                ("cause", models.CharField(blank=True, max_length=40)),
                ("message", models.TextField(blank=True)),
                ("resume_on_start", models.BooleanField(default=False)),
                ("step", models.BigIntegerField(default=0)),
                ("total_steps", models.BigIntegerField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("queued_at", models.DateTimeField(null=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("idempotency_key", models.CharField(blank=True, max_length=100, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="runs",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "dataset_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="datasets.datasetversion",
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="children",
                        to="runs.run",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="runs",
                        to="accounts.project",
                    ),
                ),
                (
                    "recipe_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="recipes.recipeversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("step", models.BigIntegerField()),
                ("path", models.CharField(max_length=500)),
                ("bytes", models.BigIntegerField()),
                ("manifest_sha256", models.CharField(max_length=64)),
                ("val_loss", models.FloatField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("removed_at", models.DateTimeField(null=True)),
                (
                    "attempt",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="checkpoints",
                        to="runs.attempt",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="checkpoints",
                        to="runs.run",
                    ),
                ),
            ],
            options={
                "ordering": ["-step"],
            },
        ),
        migrations.AddField(
            model_name="attempt",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="attempts", to="runs.run"
            ),
        ),
        migrations.AddField(
            model_name="attempt",
            name="worker",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="attempts",
                to="runs.worker",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(fields=["project", "-created_at"], name="runs_of_project"),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                condition=models.Q(
                    ("state__in", ["succeeded", "failed", "stopped"]), _negated=True
                ),
                fields=["state", "queued_at"],
                name="runs_not_over",
            ),
        ),
        migrations.AddConstraint(
            model_name="run",
            constraint=models.UniqueConstraint(
                fields=("project", "idempotency_key"), name="one_run_per_idempotency_key"
            ),
        ),
        migrations.AddConstraint(
            model_name="checkpoint",
            constraint=models.UniqueConstraint(
                fields=("run", "step", "attempt"), name="one_checkpoint_per_step"
            ),
        ),
        migrations.AddConstraint(
            model_name="attempt",
            constraint=models.UniqueConstraint(fields=("run", "number"), name="one_attempt_number"),
        ),
        migrations.AddConstraint(
            model_name="attempt",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)),
                fields=("worker", "slot"),
                name="one_open_attempt_per_slot",
            ),
        ),
    ]
