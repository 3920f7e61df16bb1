"""After the hub came up: the runs that it paused when it went down go on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from llmhub.runs.pausing import resume_all


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        count = resume_all()
        if count:
            self.stdout.write(f"Resumed: {count}")
