"""What the hub asks for: `job.json` of an attempt, read and checked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llmhub.lib.rundir import AttemptDir
from llmhub.recipes import specs
from llmhub.recipes.specs import Spec
from workers.data.reading.source import Source
from workers.training.errors import BadConfig
from workers.training.models.files import ModelFiles


@dataclass(frozen=True)
class Data:
    """A version of a dataset and its share of the tokens that are trained on."""

    name: str
    source: Source
    sha256: str  # of the version as a whole
    weight: float = 1.0

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Data:
        return cls(
            name=values.get("name", values["dataset"]),
            source=Source.parse(values),
            sha256=values["sha256"],
            weight=values.get("weight", 1.0),
        )


@dataclass(frozen=True)
class Job:
    run_id: int
    hub_url: str
    token: str
    spec: Spec
    data: list[Data]
    token_cache: Path
    resume_from: Path | None
    # By the dotted name of the field that names the model.
    models: dict[str, ModelFiles] = field(default_factory=dict)
    models_cache: Path = Path()

    @classmethod
    def read(cls, attempt: AttemptDir) -> Job:
        values = json.loads(attempt.job.read_text())
        resume_from = values["resume_from"]
        return cls(
            run_id=values["run_id"],
            hub_url=values["hub_url"],
            token=attempt.secret.read_text().strip(),
            spec=parsed(values["spec"]),
            data=[Data.parse(dataset) for dataset in values["data"]],
            token_cache=Path(values["token_cache"]),
            resume_from=Path(resume_from) if resume_from else None,
            models={
                name: ModelFiles.parse(model) for name, model in values.get("models", {}).items()
            },
            models_cache=Path(values.get("models_cache", "")),
        )


def parsed(values: object) -> Spec:
    try:
        return specs.stored(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadConfig(f"The recipe is not valid: {where}: {first['msg']}") from error
