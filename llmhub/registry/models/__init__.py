from llmhub.registry.models.promotions import Promotion
from llmhub.registry.models.versions import Model, ModelVersion, Stage, VersionState

__all__ = ["Model", "ModelVersion", "Promotion", "Stage", "VersionState"]
