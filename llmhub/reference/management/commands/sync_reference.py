from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from llmhub.reference.sync import sync


class Command(BaseCommand):
    help = "Brings the glossary, research tracks, resources and index up to this release."

    def handle(self, *args: Any, **options: Any) -> None:
        entries = sync()
        if entries:
            self.stdout.write(f"{entries} entries of the reference brought up to date")
