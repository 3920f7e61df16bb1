from llmhub.registry.models.versions import Model, ModelVersion, Stage, VersionState

__all__ = ["Model", "ModelVersion", "Stage", "VersionState"]
