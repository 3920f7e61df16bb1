from llmhub.registry.models.evaluations import Evaluation, EvaluationItem, EvaluationTask, TaskKinds
from llmhub.registry.models.exports import Export, Form
from llmhub.registry.models.promotions import Promotion
from llmhub.registry.models.reviews import Review, ReviewKind, Verdict
from llmhub.registry.models.versions import Model, ModelVersion, Stage, VersionState

__all__ = [
    "Evaluation",
    "EvaluationItem",
    "EvaluationTask",
    "Export",
    "Form",
    "Model",
    "ModelVersion",
    "Promotion",
    "Review",
    "ReviewKind",
    "Stage",
    "TaskKinds",
    "Verdict",
    "VersionState",
]
