from django.apps import AppConfig


class ReferenceConfig(AppConfig):
    name = "llmhub.reference"

    def ready(self) -> None:
        from llmhub.reference import checks  # noqa: F401
