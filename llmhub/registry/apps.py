from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "llmhub.registry"

    def ready(self) -> None:
        from llmhub.registry import promotion

        # A gate that cannot be asked must not let anything pass.
        promotion.gate()
