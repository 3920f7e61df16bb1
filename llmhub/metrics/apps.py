from django.apps import AppConfig


class MetricsConfig(AppConfig):
    name = "llmhub.metrics"

    def ready(self) -> None:
        from llmhub.metrics import terms  # noqa: F401
