"""The exports on the page of a version, the page of one, and the same through the API."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from llmhub.accounts import tokens
from llmhub.accounts.models import Scope
from llmhub.jobs import lifecycle
from llmhub.jobs.models import Job
from llmhub.lib.problems import Problem
from llmhub.registry import held_out
from llmhub.registry.models import Export, Form
from llmhub.runs.models import RunInput
from tests.factories import (
    make_dataset_version,
    make_export,
    make_mix,
    make_model_version,
    make_rows_version,
    make_run,
)

pytestmark = pytest.mark.django_db

LLAMA = {"model_type": "llama", "hidden_size": 64, "intermediate_size": 100}


@pytest.fixture
def version(atlas):
    version = make_model_version(make_run(atlas))
    describe(version, LLAMA)
    return version


def describe(version, config) -> None:
    version.folder.mkdir(parents=True, exist_ok=True)
    (version.folder / "config.json").write_text(json.dumps(config))


def address(version) -> str:
    return reverse("model_exports", args=[version.model_id, version.number])


def test_a_version_without_exports_says_what_one_is(as_alice, version):
    text = as_alice.get(address(version)).content.decode()

    assert "No export yet" in text
    assert 'value="gguf-q8_0"' in text


def test_what_the_model_cannot_have_is_not_offered_and_the_reason_is_told(as_alice, version):
    text = as_alice.get(address(version)).content.decode()

    assert 'value="int4"' not in text
    assert "cannot be divided into groups of 32" in text


def test_an_export_is_begun_and_shown_at_work(as_alice, version):
    rows = version.run.dataset_version

    answer = as_alice.post(address(version), {"form": "bf16", "rows": rows.pk})

    assert answer.status_code == 302
    export = Export.objects.get()
    assert (export.form, export.rows, export.job.kind) == (Form.BF16, rows, "model.export")
    text = as_alice.get(answer["Location"]).content.decode()
    assert f'data-topics="job.{export.job_id}"' in text
    assert "<job-progress" in text


def test_a_refused_form_keeps_what_was_chosen_and_says_why(as_alice, version):
    other = make_dataset_version(version.model.project, slug="other")

    answer = as_alice.post(address(version), {"form": "int4", "rows": other.pk})

    text = answer.content.decode()
    assert answer.status_code == 422
    assert "cannot be divided into groups of 32" in text
    assert f'<option value="{other.pk}" selected>' in text
    assert not Job.objects.exists()


@pytest.mark.parametrize("data", [{}, {"form": "gguf"}, {"form": "bf16", "rows": "9" * 40}])
def test_an_odd_wish_is_refused(as_alice, version, data):
    assert as_alice.post(address(version), data).status_code == 422


def test_a_viewer_sees_exports_and_begins_none(as_vera, version):
    make_export(version)

    text = as_vera.get(address(version)).content.decode()

    assert "safetensors, bf16" in text
    assert "export-form" not in text
    assert as_vera.post(address(version), {"form": "bf16"}).status_code == 403


def test_a_failed_export_says_what_to_do_and_is_tried_again_by_one_press(as_alice, version):
    rows = version.run.dataset_version
    as_alice.post(address(version), {"form": "bf16", "rows": rows.pk})
    job = lifecycle.claim("here", quick=False)
    lifecycle.fail(job, Problem("disk_full"))

    text = as_alice.get(address(version)).content.decode()
    assert "The disk has no room for this." in text
    assert "Try again" in text

    as_alice.post(address(version), {"form": "bf16", "rows": rows.pk})
    assert Export.objects.get().job != job
    assert Export.objects.get().is_under_way()


def test_the_table_says_what_each_form_costs(as_alice, version):
    make_export(version)

    text = as_alice.get(address(version)).content.decode()

    assert "2.7456" in text
    assert "+1.00 %" in text
    assert "98.5 %" in text
    assert "7 of 8" in text


def test_the_page_of_an_export_says_how_it_is_served(as_alice, version):
    packed = make_export(version, form=Form.INT8)
    ours = reverse("model_export", args=[version.model_id, version.number, packed.pk])
    text = as_alice.get(ours).content.decode()
    assert f"vllm serve ./{packed.folder_name} --served-model-name {packed.name}" in text
    assert packed.files[0]["sha256"] in text

    for_ollama = make_export(version, {"m.gguf": b"x"}, form=Form.GGUF_Q8)
    ours = reverse("model_export", args=[version.model_id, version.number, for_ollama.pk])
    assert f"ollama create {for_ollama.name} -f" in as_alice.get(ours).content.decode()


def test_an_export_that_has_no_files_yet_has_no_page(as_alice, version):
    export = make_export(version, {})

    ours = reverse("model_export", args=[version.model_id, version.number, export.pk])

    assert as_alice.get(ours).status_code == 404


def test_an_export_is_deleted(as_alice, version, committed):
    export = make_export(version)
    place = [version.model_id, version.number, export.pk]

    with committed():
        as_alice.post(reverse("model_export_delete", args=place))

    assert not Export.objects.exists()
    assert not export.folder.exists()


def test_the_queries_of_the_page_do_not_grow_with_the_exports(as_alice, version):
    def count() -> int:
        with CaptureQueriesContext(connection) as seen:
            as_alice.get(address(version))
        return len(seen)

    make_export(version, form=Form.BF16)
    few = count()
    for form in (Form.FP32, Form.INT8, Form.GGUF_F16):
        make_export(version, form=form)
    assert count() == few


def test_what_was_trained_on_is_measured_in_its_held_out_part_alone(atlas):
    base = make_run(atlas)
    pairs = [{"prompt": f"{n}?", "completion": f"{n}."} for n in range(4)]
    rows = make_rows_version(atlas, "prompt_completion", pairs)
    tuned = make_run(atlas, dataset_version=rows)
    RunInput.objects.create(run=tuned, source=base, role="model.base_model", step=1)
    version = make_model_version(tuned)
    other = make_dataset_version(atlas)

    share = tuned.config["data"]["validation_share"]
    assert held_out.described(version, rows)["validation_share"] == share
    assert held_out.described(version, base.dataset_version)["validation_share"] == share
    assert held_out.described(version, other)["validation_share"] == 1.0
    assert held_out.choices(version)[0] == rows


def test_of_several_shares_the_smallest_is_unknown_to_all(atlas):
    rows = make_dataset_version(atlas)
    config = make_run(atlas).config
    base = make_run(atlas, dataset_version=rows)
    base.config = config | {"data": config["data"] | {"validation_share": 0.02}}
    base.save()
    tuned = make_run(atlas, dataset_version=None, mix_version=make_mix(atlas, {"books": rows}))
    RunInput.objects.create(run=tuned, source=base, role="model.base_model", step=1)

    found = held_out.described(make_model_version(tuned), rows)

    assert found["validation_share"] == 0.02


@pytest.fixture
def script(alice, atlas):
    _, secret = tokens.create(alice, atlas, "script", [Scope.READ, Scope.MODELS])
    return Client(headers={"Authorization": f"Bearer {secret}"})


def api(version, rest: str = "") -> str:
    return f"/api/v1/models/{version.model.slug}/{version.number}/exports{rest}"


def post(script, version, **body):
    return script.post(api(version), json.dumps(body), content_type="application/json")


def test_a_script_begins_watches_downloads_and_deletes_an_export(script, version):
    begun = post(script, version, form="fp32")
    assert begun.status_code == 202
    assert begun.json()["state"] == "queued"
    assert Export.objects.get().rows == version.run.dataset_version

    done = make_export(version, form=Form.GGUF_F16)
    told = script.get(api(version, f"/{done.pk}")).json()
    assert told["state"] == "succeeded"
    assert told["quality"]["same_answers"] == 7
    name = told["files"][0]["name"]
    assert script.get(api(version, f"/{done.pk}/files/{name}")).getvalue() == b"weights"
    assert script.get(api(version, f"/{done.pk}/download")).status_code == 200
    assert script.delete(api(version, f"/{done.pk}")).status_code == 204
    assert [row["form"] for row in script.get(api(version)).json()] == ["fp32"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"form": "int4"}, "form"),
        ({"form": "zip"}, "form"),
        ({"form": "bf16", "rows": "nothing"}, "rows"),
        ({"form": "bf16", "rows": "a\x00b@99999999999999999999"}, "rows"),
    ],
)
def test_a_script_is_told_what_is_wrong(script, version, body, field):
    answer = post(script, version, **body)

    assert answer.status_code == 422
    assert [name.rpartition(".")[2] for name in answer.json()["fields"]] == [field]
