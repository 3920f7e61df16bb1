"""A checkpoint that a trainer wrote, in the registry: plain `transformers` loads the version and
writes the same tokens."""

import shutil
from pathlib import Path

import pytest
import torch
from django.conf import settings
from transformers import AutoModelForCausalLM, AutoTokenizer

from llmhub.lib import manifest
from llmhub.registry import registering
from llmhub.registry.models import VersionState
from llmhub.runs.states import State
from tests.factories import make_run
from tests.jobs.running import run_jobs
from tests.registry.made import make_checkpoint
from tests.training.conftest import generators_as_before, one_thread  # noqa: F401
from tests.training.small import MODELS, Place, spec, write_text

pytestmark = pytest.mark.django_db


def greedy(folder: Path) -> list[int]:
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokens = AutoTokenizer.from_pretrained(folder)("the", return_tensors="pt")
    with torch.no_grad():
        found = model.generate(**tokens, do_sample=False, max_new_tokens=8, pad_token_id=0)
    return found[0].tolist()


@pytest.mark.parametrize("architecture", MODELS)
def test_a_version_is_a_folder_that_transformers_loads(atlas, tmp_path, architecture):
    place = Place(tmp_path, write_text(tmp_path / "text.txt"))
    place.train(spec(architecture))
    step, trained = max(manifest.steps(place.checkpoints).items())
    run = make_run(atlas, State.SUCCEEDED, spec={**spec(architecture).model_dump()})
    version = registering.register(make_checkpoint(run, trained.parent, step), None)
    run_jobs()
    version.refresh_from_db()
    assert (version.state, version.job.problem) == (VersionState.READY, {})
    before = greedy(trained)
    # The version does not lean on the checkpoint.
    shutil.rmtree(trained)
    assert greedy(version.folder) == before
    model = AutoModelForCausalLM.from_pretrained(version.folder)
    assert version.facts["parameters"] == model.num_parameters()
    assert version.facts["architecture"] == type(model).__name__
    assert version.facts["context"] == 16
    shutil.rmtree(Path(settings.HUB_DATA) / "models")
