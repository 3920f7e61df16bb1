"""Each form in its real process: what comes out is loaded by plain `transformers` and llama.cpp."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from llmhub.jobs.models import Job
from llmhub.lib import manifest
from llmhub.registry import exporting
from llmhub.registry.models import Export, Form, VersionState
from tests.factories import make_export, make_model_version, make_project, make_run
from tests.jobs.running import run_jobs
from tests.registry.exporting import TEXT, exported, held_out_of, registered

pytestmark = pytest.mark.django_db

PROMPT = TEXT[:20]
LENGTH = 24


@pytest.fixture
def atlas():
    return make_project()


def greedy(folder, **more) -> list[int]:
    """What `transformers` writes on the prompt, knowing nothing of this hub."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **more)
    ids = tokenizer(PROMPT, return_tensors="pt").input_ids
    written = model.generate(ids, do_sample=False, max_new_tokens=LENGTH, pad_token_id=0)
    return written[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize("architecture", [pytest.param("gpt2", marks=pytest.mark.faults), "llama"])
def test_an_export_loaded_by_plain_transformers_writes_the_same_greedy_tokens(atlas, architecture):
    version = registered(atlas, architecture)
    expected = greedy(version.folder)

    for form in (Form.FP32, Form.BF16):
        export = exported(version, form)

        assert export.is_ready(), export.job.problem
        assert_listed(export)
        assert greedy(export.folder) == expected
        assert export.quality["export"]["perplexity"] == pytest.approx(
            export.quality["original"]["perplexity"], rel=0.02
        )


def assert_listed(export: Export) -> None:
    """Each file with its size and hash as it is on the disk, and none besides."""
    for file in export.files:
        path = export.folder / file["name"]
        assert file["bytes"] == path.stat().st_size
        assert file["sha256"] == manifest.file_hash(path)
    names = {file["name"] for file in export.files}
    assert names == {path.name for path in export.folder.iterdir()}
    assert export.bytes == sum(file["bytes"] for file in export.files)


@pytest.mark.parametrize(
    ("form", "least"),
    [pytest.param(Form.INT8, 0.9, marks=pytest.mark.faults), (Form.INT4, 0.4)],
)
def test_a_packed_export_is_smaller_and_its_loss_is_told(atlas, form, least):
    version = registered(atlas)

    export = exported(version, form)

    quality = export.quality
    assert export.bytes < version.bytes / 2
    assert least < quality["same_choice"] < 1
    assert quality["export"]["perplexity"] != quality["original"]["perplexity"]
    assert quality["tokens"] > 500
    config = json.loads((export.folder / "config.json").read_text())
    assert config["quantization_config"]["quant_method"] == "compressed-tensors"
    assert len(greedy(export.folder)) == LENGTH


# In a process of its own: its compiled types and those of other packages do not suit each other.
LLAMA_CPP = """
import json, sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx, params.n_parallel, params.warmup = 64, 1, False
params.fit_params, params.verbosity, params.cpuparams.n_threads = False, -1, 1
print(json.dumps(xllamacpp.Server(params).handle_completions(json.loads(sys.argv[2]))))
"""


def by_llama_cpp(weights: Path) -> dict[str, Any]:
    wish = {"prompt": PROMPT, "max_tokens": LENGTH, "temperature": 0, "cache_prompt": False}
    command = [sys.executable, "-c", LLAMA_CPP, str(weights), json.dumps(wish)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.loads(said.strip().splitlines()[-1])


@pytest.mark.parametrize(
    ("architecture", "form"),
    [pytest.param("gpt2", Form.GGUF_Q8, marks=pytest.mark.faults), ("llama", Form.GGUF_F16)],
)
def test_llama_cpp_writes_on_a_gguf_export_what_the_original_writes(atlas, architecture, form):
    version = registered(atlas, architecture)
    tokenizer = AutoTokenizer.from_pretrained(version.folder)
    export = exported(version, form)

    answer = by_llama_cpp(next(export.folder.glob("*.gguf")))

    assert answer["usage"]["prompt_tokens"] == len(PROMPT)
    # llama.cpp rounds what it computes with 8 bits, too.
    expected = greedy(version.folder)[: 3 if form == Form.GGUF_Q8 else LENGTH]
    text = tokenizer.decode(expected, skip_special_tokens=True)
    assert text
    assert answer["choices"][0]["text"].startswith(text.rstrip("�"))
    assert_listed(export)
    weights = f"{export.name}-{form.removeprefix('gguf-')}.gguf"
    assert {file["name"] for file in export.files} == {weights, "Modelfile", "README.md"}
    for_ollama = (export.folder / "Modelfile").read_text()
    assert f"FROM ./{weights}" in for_ollama
    assert "<|im_start|>assistant" in for_ollama


def test_a_version_whose_bytes_changed_is_not_exported(atlas):
    version = registered(atlas)
    weights = version.folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)

    export = exported(version, Form.BF16)

    assert export.job.problem == {"code": "model_changed", "values": {"file": "model.safetensors"}}
    version.refresh_from_db()
    assert version.damage == "model.safetensors"
    assert not export.folder.exists()


def test_a_form_that_the_model_cannot_have_is_refused_before_a_job(atlas):
    version = registered(atlas, "gpt2")

    with pytest.raises(exporting.Refused, match=r"gpt2.*no linear layers") as refused:
        exporting.start(version, None, Form.INT8, held_out_of(version))

    assert refused.value.field == "form"
    assert not Job.objects.exists()
    assert not Export.objects.exists()


def test_a_version_that_is_not_ready_is_not_exported(atlas):
    version = make_model_version(make_run(atlas), state=VersionState.REGISTERING)

    with pytest.raises(exporting.Refused, match="not ready"):
        exporting.start(version, None, Form.BF16, held_out_of(version))


def test_a_form_is_made_once(atlas):
    version = registered(atlas)
    first = exporting.start(version, None, Form.FP32, held_out_of(version))
    again = exporting.start(version, None, Form.FP32, held_out_of(version))
    done = make_export(version, form=Form.BF16)
    after = exporting.start(version, None, Form.BF16, held_out_of(version))

    assert (first.pk, done.pk) == (again.pk, after.pk)
    assert Job.objects.count() == 1


def test_one_that_failed_is_started_again(atlas):
    version = registered(atlas)
    kept = (version.folder / "config.json").read_bytes()
    (version.folder / "config.json").unlink()
    failed = exported(version, Form.BF16)
    assert failed.job.problem["code"] == "model_missing"
    (version.folder / "config.json").write_bytes(kept)

    again = exporting.start(version, None, Form.BF16, held_out_of(version))

    assert again.pk == failed.pk
    assert again.job_id != failed.job_id
    assert not again.job.is_over()


def test_a_removed_export_leaves_no_file(atlas, django_capture_on_commit_callbacks):
    export = make_export(registered(atlas))
    folder = export.folder

    with django_capture_on_commit_callbacks(execute=True):
        exporting.remove(export)

    assert not Export.objects.exists()
    assert not folder.exists()


def test_one_that_is_removed_while_it_waits_is_not_made(atlas, django_capture_on_commit_callbacks):
    version = registered(atlas)
    export = exporting.start(version, None, Form.BF16, held_out_of(version))
    folder = export.folder

    with django_capture_on_commit_callbacks(execute=True):
        exporting.remove(export)

    assert run_jobs() == []
    assert not folder.exists()


def test_a_model_that_is_too_large_for_the_memory_is_told_so(atlas, monkeypatch):
    monkeypatch.setattr(exporting, "memory_for", lambda _version: 64 << 20)

    export = exported(registered(atlas), Form.BF16)

    assert export.job.problem["code"] in {"model_too_large", "out_of_memory"}
