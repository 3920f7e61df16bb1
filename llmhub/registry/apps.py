from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "llmhub.registry"

    def ready(self) -> None:
        from llmhub.registry import cards, evaluation_card, promotion

        cards.SOURCES.append(
            lambda version: [cards.Figure(**one) for one in evaluation_card.evaluations(version)]
        )
        # A gate that cannot be asked must not let anything pass.
        promotion.gate()
