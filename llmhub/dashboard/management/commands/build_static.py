"""Builds the static files, when their sources have changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from llmhub.dashboard.static_build import inputs_digest


class Command(BaseCommand):
    help = "Collects, names and compresses the static files; does nothing when none has changed."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--force", action="store_true", help="build even if nothing changed")

    def handle(self, *args: Any, **options: Any) -> None:
        stamp = Path(settings.STATIC_ROOT) / ".inputs"
        digest = inputs_digest()
        if not options["force"] and stamp.exists() and stamp.read_text() == digest:
            self.stdout.write("Static files are up to date.")
            return
        # Removed first: an interrupted build must not look finished.
        stamp.unlink(missing_ok=True)
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(digest)
        self.stdout.write("Static files built.")
