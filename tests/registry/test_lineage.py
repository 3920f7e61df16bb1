"""What a version comes from, back to the data: collected once, drawn in an order that reads."""

import re

import pytest

from llmhub.recipes import specs
from llmhub.registry import lineage, registering
from llmhub.runs.lineage import DOTS, ROW
from llmhub.runs.models import RunInput
from llmhub.runs.states import State
from tests.factories import (
    SMOKE_SPEC,
    make_dataset_version,
    make_mix,
    make_model_version,
    make_rows_version,
    make_run,
)
from tests.registry.made import make_checkpoint
from tests.runs.alignment import SPECS

pytestmark = pytest.mark.django_db


@pytest.fixture
def course(atlas, tmp_path):
    """Pretraining on text, and a fine-tuning of what it made."""
    text = make_dataset_version(atlas, slug="text")
    cleaned = make_dataset_version(atlas, "Other text. " * 9, slug="text", parent=text)
    questions = make_rows_version(
        atlas, "prompt_completion", [{"prompt": "a", "completion": "b"}], slug="questions"
    )
    first = make_run(atlas, State.SUCCEEDED, name="first", dataset_version=cleaned)
    spec = SPECS["sft"] | {"model": {"base_model": f"run:{first.pk}"}}
    second = make_run(atlas, State.SUCCEEDED, name="second", spec=spec, dataset_version=questions)
    RunInput.objects.create(run=second, source=first, role="model.base_model", step=20)
    return text, cleaned, questions, first, second


def titles(found):
    return [lineage.title(part) for part in found["parts"]]


def edges(found):
    names = {part["key"]: lineage.title(part) for part in found["parts"]}
    return {(names[one["from"]], one["role"], names[one["to"]]) for one in found["edges"]}


def test_it_leads_back_to_the_data_in_an_order_that_reads(course, tmp_path):
    second = course[-1]
    found = lineage.collected(second, make_checkpoint(second, tmp_path))
    assert titles(found) == ["Text v1", "Text v2", "first", "Questions v1", "second"]
    assert edges(found) == {
        ("Text v1", "derived", "Text v2"),
        ("Text v2", "learned", "first"),
        ("first", "model.base_model", "second"),
        ("Questions v1", "learned", "second"),
    }


def test_a_run_of_which_only_the_values_were_taken_is_no_part(course, atlas, tmp_path):
    other = make_run(atlas, State.SUCCEEDED, name="other", parent=course[-1])
    found = lineage.collected(other, make_checkpoint(other, tmp_path))
    assert "second" not in titles(found)


def test_a_mix_brings_all_of_its_parts(atlas, tmp_path):
    a, b = make_dataset_version(atlas, slug="a"), make_dataset_version(atlas, "B. " * 9, slug="b")
    mix = make_mix(atlas, {"one": a, "two": b})
    run = make_run(atlas, State.SUCCEEDED, dataset_version=None, mix_version=mix)
    found = lineage.collected(run, make_checkpoint(run, tmp_path))
    assert titles(found) == ["A v1", "B v1", run.name]


def licensed(version, licence):
    version.dataset.licence = licence
    version.dataset.save()


def of(run, tmp_path):
    return lineage.collected(run, make_checkpoint(run, tmp_path))


def test_the_licence_is_that_of_all_data_together(course, tmp_path):
    licensed(course[1], "CC-BY-4.0 OR MIT")
    licensed(course[2], "PSF-2.0")
    found = of(course[-1], tmp_path)
    assert lineage.licence_of(found) == "PSF-2.0 AND (CC-BY-4.0 OR MIT)"
    assert lineage.without_licence(found) == []


def test_what_has_no_licence_is_named(course, tmp_path):
    licensed(course[2], "MIT")
    found = of(course[-1], tmp_path)
    assert lineage.licence_of(found) == "MIT"
    assert lineage.without_licence(found) == ["Text v1", "Text v2"]


@pytest.mark.parametrize(
    ("base", "licence", "unknown"),
    [
        ("demo:smollm2-135m", "Apache-2.0 AND MIT", []),
        ("demo:tiny", "MIT", []),
        ("owner/model", "MIT", ["owner/model"]),
        ("folder:/models/x", "MIT", ["folder:/models/x"]),
    ],
)
def test_a_base_model_brings_its_licence_along(atlas, tmp_path, base, licence, unknown):
    rows = make_rows_version(atlas, "prompt_completion", [{"prompt": "a", "completion": "b"}])
    licensed(rows, "MIT")
    spec = SPECS["sft"] | {"model": {"base_model": base}}
    run = make_run(atlas, State.SUCCEEDED, spec=spec, dataset_version=rows)
    found = of(run, tmp_path)
    assert lineage.licence_of(found) == licence
    assert lineage.without_licence(found) == unknown
    assert base in titles(found)


def test_the_longest_licences_fit_into_a_version(atlas, tmp_path):
    parts = {}
    for number in range(6):
        data = make_dataset_version(atlas, f"{number} " * 9, slug=f"d{number}")
        licensed(data, f"LicenseRef-{'x' * 280}{number}")
        parts[f"slot{number}"] = data
    run = make_run(atlas, State.SUCCEEDED, dataset_version=None, mix_version=make_mix(atlas, parts))
    version = registering.register(make_checkpoint(run, tmp_path), None)
    version.refresh_from_db()
    assert version.licence.count("LicenseRef-") == 6


def test_later_changes_do_not_change_it(course, tmp_path):
    version = registering.register(make_checkpoint(course[-1], tmp_path), None)
    licensed(course[2], "MIT")
    course[3].name = "renamed"
    course[3].save()
    version.refresh_from_db()
    assert "first" in titles(version.lineage)
    assert version.licence == ""


def test_many_runs_cost_no_more_queries_than_few(atlas, tmp_path, django_assert_num_queries):
    before = make_run(atlas, State.SUCCEEDED, spec=specs.dump(specs.parse(SMOKE_SPEC)))
    for _number in range(8):
        run = make_run(atlas, State.SUCCEEDED)
        RunInput.objects.create(run=run, source=before, role="resume")
        before = run
    checkpoint = make_checkpoint(before, tmp_path)
    with django_assert_num_queries(4):
        found = lineage.collected(before, checkpoint)
    assert len([part for part in found["parts"] if part["kind"] == "run"]) == 9


def test_it_is_drawn_with_the_version_at_the_bottom_and_every_arc_downwards(course, tmp_path):
    version = registering.register(make_checkpoint(course[-1], tmp_path), None)
    drawn = lineage.drawing(version)
    assert [node.title for node in drawn.nodes][-2:] == ["second", "second v1"]
    assert [node.is_here for node in drawn.nodes] == [False] * 5 + [True]
    assert len(drawn.arcs) == 5
    for arc in drawn.arcs:
        x, top, _, _, _, _, end_x, bottom = map(float, re.findall(r"[\d.]+", arc.path))
        assert (x, end_x) == (DOTS, DOTS)
        assert top < bottom <= ROW * len(drawn.nodes)
    assert drawn.nodes[-2].origins == [
        ("learns from", "Questions v1", None),
        ("base model", "first", 20),
    ]


def test_a_version_without_lineage_is_drawn_alone(atlas):
    drawn = lineage.drawing(make_model_version(make_run(atlas, State.SUCCEEDED)))
    assert (len(drawn.nodes), drawn.arcs) == (1, [])
