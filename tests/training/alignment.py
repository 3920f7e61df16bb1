"""Alignments of a second: a small base model, a reward model, rows to learn from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from llmhub.lib import manifest
from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rows.template import special_tokens
from llmhub.lib.rundir import AttemptDir
from llmhub.recipes import specs
from llmhub.recipes.specs import GPT2Model, Runtime, Spec
from tests.training.small import Recorder, data_file
from workers.data.reading.source import DataFile, Reading, Source
from workers.data.tokens import tokenizer as tokenizers
from workers.training import models, setup
from workers.training.job import Data, Job
from workers.training.loop import Trainer
from workers.training.models import export
from workers.training.models.files import ModelFiles
from workers.training.progress import Progress
from workers.training.reporter import Reporter
from workers.training.world import World

WORDS = ("alpha", "beta", "gamma", "delta", "one", "two")
MODEL = GPT2Model(
    vocab_size=300, n_positions=64, n_embd=16, n_layer=2, n_head=2, n_inner=32, dropout=0.1
)
COLUMNS = {
    Kind.PROMPT_COMPLETION: ("prompt", "completion"),
    Kind.PREFERENCE: ("prompt", "chosen", "rejected"),
    Kind.PROMPTS: ("prompt",),
}
TRAINING: dict[str, dict[str, Any]] = {
    "sft": {"max_seq_length": 48, "packing": True},
    "reward": {"max_seq_length": 48},
    "dpo": {"max_seq_length": 48, "max_prompt_length": 30},
    "ppo": {"mini_batch_size": 4, "max_prompt_length": 30, "response_length": 8},
}
KINDS = {
    "sft": Kind.PROMPT_COMPLETION,
    "reward": Kind.PREFERENCE,
    "dpo": Kind.PREFERENCE,
    "ppo": Kind.PROMPTS,
}


def spec(objective: str, **changes: Any) -> Spec:
    """`changes` by dotted name with `__` for the dot."""
    model = {"base_model": "folder:/base"}
    if objective == "ppo":
        model["reward_model"] = "folder:/reward"
    plain = {
        "objective": objective,
        "model": model,
        "training": {
            "batch_size": 8,
            "micro_batch_size": 2,
            "max_steps": 6,
            "epochs": 50,
            "learning_rate": 1e-2,
            **TRAINING[objective],
        },
        "data": {"validation_share": 0.2},
        "runtime": {"eval_every": 3, "checkpoint_every": 2, "eval_sequences": 8},
    }
    dotted = {name.replace("__", "."): value for name, value in changes.items()}
    return specs.override(specs.parse(plain), dotted)


def row(kind: Kind, index: int) -> dict[str, str]:
    word = WORDS[index % len(WORDS)]
    values = {
        "prompt": f"say {word} {index}",
        "completion": f"{word}!" + word * (index % 3),
        "chosen": f"{word} {index}",
        "rejected": "no" * (1 + index % 4),
    }
    return {column: values[column] for column in COLUMNS[kind]}


@dataclass
class Alignments:
    """Where runs of all objectives live; models and rows are made when they are first asked for."""

    root: Path

    @cached_property
    def base(self) -> Path:
        torch.manual_seed(3)
        place = self.root / "base"
        tokenizer = tokenizers.build("bytes", MODEL.vocab_size, special_tokens("chatml"), [])
        model = models.build(MODEL, Runtime(), torch.device("cpu"))
        export.save(model, tokenizer, place)
        return place

    @cached_property
    def reward(self) -> Path:
        """Its head is drawn at random: it has an opinion, if no good one."""
        place = self.root / "reward"
        torch.manual_seed(4)
        model = AutoModelForSequenceClassification.from_pretrained(self.base, num_labels=1)
        model.save_pretrained(place)
        export.copy_tokenizer(self.base, place)
        return place

    def rows(self, kind: Kind, count: int = 60) -> DataFile:
        path = self.root / f"{kind}-{count}.jsonl"
        if not path.exists():
            lines = (json.dumps(row(kind, index)) + "\n" for index in range(count))
            path.write_text("".join(lines))
        return data_file(path)

    def source(self, kind: Kind, count: int = 60) -> Source:
        return Source([self.rows(kind, count)], self.reading(kind))

    def reading(self, kind: Kind) -> Reading:
        return Reading("jsonl", kind, {column: column for column in COLUMNS[kind]})

    def models(self, spec: Spec) -> dict[str, dict[str, Any]]:
        """As a job names them."""
        paths = {"model.base_model": self.base, "model.reward_model": self.reward}
        return {
            name: {
                "reference": f"folder:{paths[name]}",
                "kind": "folder",
                "path": str(paths[name]),
                "sha256": None,
            }
            for name in specs.model_inputs(spec)
        }

    def job(self, spec: Spec, resume_from: Path | None = None, rows: int = 60) -> Job:
        source = self.source(KINDS[spec.objective], rows)
        return Job(
            run_id=1,
            hub_url="",
            token="",
            spec=spec,
            data=[Data("rows", source, source.files[0].sha256)],
            token_cache=self.root / "tokens",
            resume_from=resume_from,
            models={name: ModelFiles.parse(of) for name, of in self.models(spec).items()},
            models_cache=self.root / "models",
        )

    def trainer(
        self,
        spec: Spec,
        reporter: Reporter,
        run: str,
        resume_from: Path | None = None,
        world: World | None = None,
    ) -> Trainer:
        job = self.job(spec, resume_from)
        return setup.trainer(job, self.checkpoints(run), Progress(), reporter, world)

    def train(self, spec: Spec, run: str, resume_from: Path | None = None, **of: Any) -> Recorder:
        recorder = Recorder(**of)
        self.trainer(spec, recorder, run, resume_from).train()
        return recorder

    def checkpoints(self, run: str) -> Path:
        return self.root / "runs" / run / "checkpoints"

    def newest(self, run: str) -> Path:
        return max(manifest.steps(self.checkpoints(run)).items())[1]

    def attempt(self, spec: Spec, run: str, hub_url: str, number: int = 1) -> AttemptDir:
        """The directory that a worker finds, for a trainer in a process of its own."""
        attempt = AttemptDir(self.root / "runs" / run / "attempts" / str(number))
        attempt.path.mkdir(parents=True)
        kind = KINDS[spec.objective]
        file = self.rows(kind)
        data = {
            "dataset": "rows",
            "version": 1,
            "sha256": file.sha256,
            "files": [asdict(file) | {"path": str(file.path)}],
            "reading": self.reading(kind).as_json(),
        }
        job = {
            "run_id": 1,
            "hub_url": hub_url,
            "spec": specs.dump(spec),
            "data": [data],
            "models": self.models(spec),
            "models_cache": str(self.root / "models"),
            "token_cache": str(self.root / "tokens"),
            "resume_from": None,
        }
        attempt.job.write_text(json.dumps(job))
        attempt.secret.write_text("secret")
        return attempt
