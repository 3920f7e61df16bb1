"""Trainings of a second: small models, a made-up text, a reporter that remembers."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from llmhub.lib import manifest
from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rundir import AttemptDir
from llmhub.recipes import specs
from llmhub.recipes.specs import PretrainSpec, Spec
from workers.data.reading.source import DataFile, Reading, Source
from workers.training import setup
from workers.training.job import Data, Job
from workers.training.loop import Trainer
from workers.training.progress import Progress
from workers.training.reporter import Reporter
from workers.training.want import Want

MODELS: dict[str, dict[str, Any]] = {
    "gpt2": {
        "architecture": "gpt2",
        "vocab_size": 300,
        "n_positions": 16,
        "n_embd": 16,
        "n_layer": 2,
        "n_head": 2,
        "n_inner": 64,
        "dropout": 0.1,
    },
    "llama": {
        "architecture": "llama",
        "vocab_size": 300,
        "hidden_size": 16,
        "intermediate_size": 40,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 16,
        "attention_dropout": 0.1,
    },
}
TRAINING = {"batch_size": 8, "micro_batch_size": 4, "max_steps": 6, "learning_rate": 1e-2}
RUNTIME = {"eval_every": 2, "eval_sequences": 12, "checkpoint_every": 3}


def spec(architecture: str = "gpt2", **changes: Any) -> PretrainSpec:
    """`changes` by dotted name with `__` for the dot: training__max_steps=3."""
    plain = {
        "objective": "pretrain",
        "model": MODELS[architecture],
        "training": TRAINING,
        "runtime": RUNTIME,
    }
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    changed = specs.override(specs.parse(plain), dotted)
    assert isinstance(changed, PretrainSpec)
    return changed


def write_text(path: Path, characters: int = 20_000) -> DataFile:
    """Words and lines that repeat, so that there is something to learn."""
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefghé", k=draw.randint(1, 7))) for _ in range(60)]
    text = ""
    while len(text) < characters:
        text += " ".join(draw.choices(words, k=draw.randint(3, 9))) + ".\n"
    path.write_text(text[:characters])
    return data_file(path)


def data_file(path: Path) -> DataFile:
    return DataFile(path.name, path, manifest.file_hash(path), path.stat().st_size)


@dataclass
class Recorder:
    """Remembers what it is told; wants `want` once `leave_at` steps are made."""

    leave_at: int | None = None
    leaving: Want = Want.STOP
    points: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    samples: list[dict[str, object]] = field(default_factory=list)
    step: int = 0
    is_busy: bool = False

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.points.append((step, dict(values)))

    def say(self, text: str) -> None:
        self.lines.append(text)

    def advance(self, progress: Progress, total_steps: int, loss: float, rate: float) -> None:
        self.step = progress.step

    def sample(self, step: int, samples: Sequence[Mapping[str, object]]) -> None:
        self.samples += [{"step": step, **sample} for sample in samples]

    @contextmanager
    def busy(self) -> Iterator[None]:
        self.is_busy = True
        yield
        self.is_busy = False

    def want(self) -> Want:
        return self.leaving if self.step == self.leave_at else Want.RUN

    def series(self, name: str) -> dict[int, float]:
        return {step: values[name] for step, values in self.points if name in values}


@dataclass
class Place:
    """Where one run lives: its text, its token cache and its checkpoints."""

    root: Path
    text: DataFile

    @property
    def source(self) -> Source:
        return Source([self.text], Reading("text", Kind.TEXT, {}))

    @property
    def dataset(self) -> dict[str, Any]:
        """As a job names it; a version of one file has its hash."""
        return {
            "dataset": "words",
            "version": 1,
            "sha256": self.text.sha256,
            "files": [asdict(self.text) | {"path": str(self.text.path)}],
            "reading": self.source.reading.as_json(),
        }

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    def job(self, spec: Spec, resume_from: Path | None = None) -> Job:
        return Job(
            run_id=1,
            hub_url="",
            token="",
            spec=spec,
            data=[Data("words", self.source, self.text.sha256)],
            token_cache=self.root / "tokens",
            resume_from=resume_from,
        )

    def trainer(self, spec: Spec, reporter: Reporter, resume_from: Path | None = None) -> Trainer:
        return setup.trainer(self.job(spec, resume_from), self.checkpoints, Progress(), reporter)

    def train(self, spec: Spec, **reporter: Any) -> Recorder:
        recorder = Recorder(**reporter)
        self.trainer(spec, recorder).train()
        return recorder

    def attempt(
        self, spec: Spec, hub_url: str, number: int = 1, resume_from: Path | None = None
    ) -> AttemptDir:
        """The directory that a worker finds, for a trainer in a process of its own."""
        attempt = AttemptDir(self.root / "attempts" / str(number))
        attempt.path.mkdir(parents=True)
        job = {
            "run_id": 1,
            "hub_url": hub_url,
            "spec": specs.dump(spec),
            "data": [self.dataset],
            "token_cache": str(self.root / "tokens"),
            "resume_from": str(resume_from) if resume_from else None,
        }
        attempt.job.write_text(json.dumps(job))
        attempt.secret.write_text("secret")
        return attempt
