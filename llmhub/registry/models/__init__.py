from llmhub.registry.models.exports import Export, Form
from llmhub.registry.models.versions import Model, ModelVersion, Stage, VersionState

__all__ = ["Export", "Form", "Model", "ModelVersion", "Stage", "VersionState"]
