"""What the hub asks for: `job.json` of an attempt, read and checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from llmhub.lib.rundir import AttemptDir
from llmhub.recipes import specs
from llmhub.recipes.specs import PretrainSpec
from workers.data.reading.source import Source
from workers.training.errors import BadConfig


@dataclass(frozen=True)
class Job:
    run_id: int
    hub_url: str
    token: str
    spec: PretrainSpec
    sources: list[Source]
    versions: list[str]  # SHA-256 of each source as a whole
    token_cache: Path
    resume_from: Path | None

    @classmethod
    def read(cls, attempt: AttemptDir) -> Job:
        values = json.loads(attempt.job.read_text())
        resume_from = values["resume_from"]
        return cls(
            run_id=values["run_id"],
            hub_url=values["hub_url"],
            token=attempt.secret.read_text().strip(),
            spec=trainable(values["spec"]),
            sources=[Source.parse(dataset) for dataset in values["data"]],
            versions=[dataset["sha256"] for dataset in values["data"]],
            token_cache=Path(values["token_cache"]),
            resume_from=Path(resume_from) if resume_from else None,
        )


def trainable(values: object) -> PretrainSpec:
    """The spec, if this release can execute it."""
    try:
        spec = specs.parse(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadConfig(f"The recipe is not valid: {where}: {first['msg']}") from error
    if not isinstance(spec, PretrainSpec):
        raise BadConfig(f"This release cannot train the objective “{spec.objective}”.")
    return spec
