from django.apps import AppConfig


class ChecklistsConfig(AppConfig):
    name = "llmhub.checklists"

    def ready(self) -> None:
        from llmhub.checklists import terms  # noqa: F401
