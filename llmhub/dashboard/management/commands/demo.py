"""Two small finished runs, so that the first look at Compare is not empty."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse
from django.utils import timezone

from llmhub.accounts.models import Project, Role, User
from llmhub.datasets.models import DatasetVersion, Kind
from llmhub.recipes.models import RecipeVersion
from llmhub.recipes.scales import Scale
from llmhub.runs.launch import launch
from llmhub.runs.models import Run, Worker
from llmhub.runs.refusal import LaunchRefused
from llmhub.runs.states import State

LEARNING_RATES = (2e-3, 2e-4)
STEPS = 300
POLL_SECONDS = 1.0


class Command(BaseCommand):
    help = "Trains two small models that differ in one value, in the first project."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-wait", action="store_true", help="launch, and return at once")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.order_by("pk").first()
        if project is None:
            raise CommandError("There is no project yet: type `make up` first.")
        try:
            runs = [demo_run(project, rate) for rate in LEARNING_RATES]
        except LaunchRefused as refusal:
            reasons = " ".join(reason for group in refusal.errors.values() for reason in group)
            raise CommandError(f"The demo runs were refused: {reasons}") from None
        chosen = ",".join(str(run.pk) for run in runs)
        if not options["no_wait"]:
            for run in runs:
                self.watch(run)
        self.stdout.write(f"Compare them: {settings.HUB_URL}{reverse('compare')}?runs={chosen}")

    def watch(self, run: Run) -> None:
        """Follows a run to its end; the worker does the work."""
        self.stdout.write(f"{run.name}: {run.total_steps} steps")
        said = -1
        while not run.is_over():
            if run.state == State.PAUSED:
                raise CommandError(f"{run.name} was paused; resume it on its page.")
            if run.state == State.QUEUED and not worker_alive():
                raise CommandError("No worker is there to train: type `make up` first.")
            percent = 100 * run.step // (run.total_steps or 1)
            if percent // 10 > said:
                said = percent // 10
                self.stdout.write(f"  {run.get_state_display()} {percent} %")
            time.sleep(POLL_SECONDS)
            run.refresh_from_db()
        self.stdout.write(f"  {run.get_state_display()} {run.message}".rstrip())


def worker_alive() -> bool:
    since = timezone.now() - timedelta(seconds=30)
    return Worker.objects.filter(last_seen_at__gt=since).exists()


def demo_run(project: Project, learning_rate: float) -> Run:
    """Launched once per text and learning rate, however often the command is typed."""
    admins = User.objects.filter(memberships__project=project, memberships__role=Role.ADMIN)
    # The smallest of the demo texts where it is still there, else whatever is long.
    data = DatasetVersion.objects.filter(dataset__project=project, kind=Kind.TEXT)
    version = (
        data.filter(dataset__slug="python-documentation-topics").first()
        or data.order_by("-characters").first()
    )
    if version is None:
        raise CommandError("The project has no dataset to train on: upload one first.")
    recipe = RecipeVersion.objects.filter(recipe__slug="gpt2-125m").latest("number")
    return launch(
        user=admins.earliest("pk"),
        project=project,
        recipe_version=recipe,
        scale=Scale.SMOKE,
        overrides={
            "training.learning_rate": learning_rate,
            "training.min_lr": learning_rate / 10,
            "training.max_steps": STEPS,
        },
        data=version,
        name=f"Demo, learning rate {learning_rate:g}",
        idempotency_key=f"demo-{learning_rate:g}-{version.pk}",
    )
