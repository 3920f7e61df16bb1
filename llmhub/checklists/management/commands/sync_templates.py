from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from llmhub.checklists import templates


class Command(BaseCommand):
    help = "Brings the templates of checklists that come with the hub up to this release."

    def handle(self, *args: Any, **options: Any) -> None:
        versions = templates.sync()
        if versions:
            self.stdout.write(f"{versions} new versions of checklist templates")
