from django.apps import AppConfig


class RecipesConfig(AppConfig):
    name = "llmhub.recipes"

    def ready(self) -> None:
        from llmhub.recipes import terms  # noqa: F401
