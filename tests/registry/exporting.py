"""Model versions with files, made in a second, and their exports in the real process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from llmhub.accounts.models import Project
from llmhub.datasets.models import DatasetVersion
from llmhub.lib import manifest
from llmhub.lib.rows.template import special_tokens
from llmhub.recipes.specs import Runtime
from llmhub.recipes.specs.architectures import GPT2Model, LlamaModel
from llmhub.registry import exporting
from llmhub.registry.models import Export, ModelVersion
from tests.factories import make_dataset_version, make_model_version, make_run
from tests.jobs.running import run_jobs
from workers.data.tokens import tokenizer as tokenizers
from workers.training import models
from workers.training.models import export

CPU = torch.device("cpu")
VOCABULARY = 264
SHAPES: dict[str, GPT2Model | LlamaModel] = {
    "gpt2": GPT2Model(
        vocab_size=VOCABULARY, n_positions=64, n_embd=32, n_layer=2, n_head=2, n_inner=128
    ),
    "llama": LlamaModel(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
    ),
}
TEXT = "".join(
    f"The loss of step {n} is a little smaller than that of {n - 1}.\n" for n in range(150)
)


def write_model(place: Path, architecture: str, tokenizer: str = "bytes") -> Path:
    """Random weights, larger than at the start of a training: each choice is a clear one."""
    shape = SHAPES[architecture]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = models.build(shape, Runtime(), CPU, end_of_text=256)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(5)
    made = tokenizers.build(tokenizer, VOCABULARY, special_tokens("chatml"), [TEXT[:300]])
    export.save(model, made, place)
    return place


def registered(project: Project, architecture: str = "llama", **fields: Any) -> ModelVersion:
    """A version whose files lie where they belong."""
    data = make_dataset_version(project, TEXT)
    version = make_model_version(make_run(project, dataset_version=data), **fields)
    write_model(version.folder, architecture)
    version.files = [
        {
            "name": path.name,
            "bytes": path.stat().st_size,
            "sha256": manifest.file_hash(path),
        }
        for path in sorted(version.folder.iterdir())
    ]
    version.bytes = manifest.size(version.folder)
    version.save()
    return version


def held_out_of(version: ModelVersion) -> DatasetVersion:
    rows = version.run.dataset_version
    assert rows is not None
    return rows


def exported(version: ModelVersion, form: str) -> Export:
    """Done, or failed with the problem in its job."""
    export = exporting.start(version, None, form, held_out_of(version))
    run_jobs()
    return Export.objects.select_related("job").get(pk=export.pk)
