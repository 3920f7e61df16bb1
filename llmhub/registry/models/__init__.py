from llmhub.registry.models.playground import Answer, Conversation, Mode, Serving, Side, Turn
from llmhub.registry.models.versions import Model, ModelVersion, Stage, VersionState

__all__ = [
    "Answer",
    "Conversation",
    "Mode",
    "Model",
    "ModelVersion",
    "Serving",
    "Side",
    "Stage",
    "Turn",
    "VersionState",
]
