from django.apps import AppConfig


class ReferenceConfig(AppConfig):
    name = "llmhub.reference"

    def ready(self) -> None:
        from llmhub.reference import checks, places  # noqa: F401

        # A page must not lack what nobody could be asked for.
        places.providers()
