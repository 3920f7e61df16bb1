from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from llmhub.checklists import table


class Command(BaseCommand):
    help = "Writes docs/checklists.md: every item of the templates that come with the hub."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="Only say whether it is current.")

    def handle(self, *args: Any, **options: Any) -> None:
        path = settings.BASE_DIR / table.PATH
        text = table.document()
        if options["check"]:
            is_current = path.exists() and path.read_text(encoding="utf-8") == text
            self.stdout.write("current" if is_current else "stale: run `manage.py checklist_table`")
            return
        path.write_text(text, encoding="utf-8")
        self.stdout.write(f"{table.PATH} is written")
