from llmhub.registry.models.evaluations import Evaluation, EvaluationItem, EvaluationTask, TaskKinds
from llmhub.registry.models.exports import Export, Form
from llmhub.registry.models.playground import Answer, Conversation, Mode, Serving, Side, Turn
from llmhub.registry.models.promotions import Promotion
from llmhub.registry.models.reviews import Review, ReviewKind, Verdict
from llmhub.registry.models.versions import Model, ModelVersion, Stage, VersionState

__all__ = [
    "Answer",
    "Conversation",
    "Evaluation",
    "EvaluationItem",
    "EvaluationTask",
    "Export",
    "Form",
    "Mode",
    "Model",
    "ModelVersion",
    "Promotion",
    "Review",
    "ReviewKind",
    "Serving",
    "Side",
    "Stage",
    "TaskKinds",
    "Turn",
    "Verdict",
    "VersionState",
]
