"""Makes the hub ready to serve, in one process: a start with nothing to do must be short."""

from __future__ import annotations

import io
import json
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


class Command(BaseCommand):
    help = (
        "Migrates, seeds, builds the static files and resumes paused runs. "
        "The last line is JSON: where the hub is, and a link that signs in."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self._migrate()
        for command in ("seed", "sync_templates", "sync_reference", "build_static", "resume_runs"):
            call_command(command, stdout=self.stdout)
        addresses = {"url": settings.HUB_URL, "sign_in": self._sign_in_link()}
        self.stdout.write(json.dumps(addresses))

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        refuse_newer_database(executor)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            self.stdout.write(f"Migrating the database ({len(plan)} steps)")
            call_command("migrate", interactive=False, verbosity=0)

    def _sign_in_link(self) -> str:
        """Empty when there is nobody whom it could sign in."""
        link = io.StringIO()
        try:
            call_command("sign_in_link", stdout=link)
        except CommandError as reason:
            self.stdout.write(str(reason))
        return link.getvalue().strip()


def refuse_newer_database(executor: MigrationExecutor) -> None:
    """Migrations that were applied and are not here were written after this version."""
    loader = executor.loader
    unknown = sorted(set(loader.applied_migrations) - set(loader.disk_migrations))
    if unknown:
        app, name = unknown[-1]
        raise CommandError(
            f"The database was written by a newer version of llmhub (it has {app}.{name}): "
            "install that version, or set HUB_DATA or DATABASE_URL to another database."
        )
