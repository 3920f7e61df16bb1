from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from llmhub.accounts.models import Project
from llmhub.datasets import demo
from llmhub.recipes import services


class Command(BaseCommand):
    help = "Brings the recipes up to this release and, once, adds the demo datasets."

    def handle(self, *args: Any, **options: Any) -> None:
        versions = services.sync()
        if versions:
            self.stdout.write(f"{versions} new recipe versions")
        project, _ = Project.objects.get_or_create(slug="main", defaults={"name": "main"})
        datasets = demo.create_once(project)
        if datasets:
            self.stdout.write(f"{datasets} demo datasets")
