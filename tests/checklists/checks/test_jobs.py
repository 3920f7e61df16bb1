"""Checks by their real processes, from a button to the evidence."""

import pytest

from llmhub.checklists import checking
from llmhub.checklists.checks import drill
from llmhub.recipes import specs
from llmhub.recipes.scales import Scale
from llmhub.runs.models import RunInput
from tests.checklists.checks.making import codes, draft, make_checklist, make_worker, told
from tests.factories import (
    SMOKE_SPEC,
    make_dataset_version,
    make_model_version,
    make_rows_version,
    make_run,
)
from tests.jobs.running import run_jobs
from tests.models.made import files_of
from tests.models.made import tiny_model as tiny_model

pytestmark = pytest.mark.django_db


def done(about, name):
    (evidence,) = checking.start(make_checklist(about, name), [name], None)
    assert not evidence.outcome
    (job,) = run_jobs()
    evidence.refresh_from_db()
    assert job.result == {}, job.problem
    return evidence


def test_the_devices_of_this_machine(atlas):
    make_worker("test")
    evidence = done(draft(atlas), "devices-tested")
    assert evidence.outcome == "passed", told(evidence)
    assert evidence.measured["node"] == "test"
    assert evidence.measured["devices"][0]["products"]["fp32"] < 1e-5


def test_a_run_goes_on_after_a_crash_as_if_there_had_been_none(atlas):
    evidence = done(draft(atlas), "resume-drill")
    assert evidence.outcome == "passed", told(evidence)
    assert evidence.measured["killed_at"] == 4
    assert evidence.measured["tensors"] > 50
    assert set(evidence.inputs) > {"spec", "weights"}


SFT = {
    "objective": "sft",
    "model": {"base_model": "demo:tiny"},
    "training": {"batch_size": 4, "learning_rate": 1e-4, "max_seq_length": 64, "epochs": 2},
    "lora": {"rank": 2},
    "runtime": {"processes": 2},
}


# The drill of one configuration is enough for every change.
@pytest.mark.faults
@pytest.mark.parametrize("spec", [SFT, SMOKE_SPEC], ids=["adapters", "pretraining"])
def test_a_large_run_is_drilled_in_small(atlas, spec):
    rows = [{"prompt": f"How much is {i}?", "completion": f"{i}."} for i in range(60)]
    of_rows = make_rows_version(atlas, "prompt_completion", rows)
    version = of_rows if spec is SFT else make_dataset_version(atlas)
    evidence = done(draft(atlas, version, spec=spec, scale=Scale.FULL), "resume-drill")
    assert evidence.outcome == "passed", told(evidence)


def test_what_decides_a_resumption_is_not_made_small(atlas):
    spec = specs.override(
        specs.parse(SMOKE_SPEC), {"training.seed": 7, "training.lr_schedule": "linear"}
    )
    run = draft(atlas, spec=specs.dump(spec))
    checklist = make_checklist(run, "resume-drill")
    about = checking.About(checklist, checklist.template_version.parsed.items()[0])
    told_ = drill.ask(about)["spec"]
    assert (told_["training"]["seed"], told_["training"]["lr_schedule"]) == (7, "linear")
    assert told_["training"]["max_steps"] == drill.STEPS
    assert told_["model"] == run.config["model"]


def test_a_drill_whose_numbers_differ_fails_and_names_them(atlas):
    checklist = make_checklist(draft(atlas), "resume-drill")
    about = checking.About(checklist, checklist.template_version.parsed.items()[0])
    result = {
        "node": "test",
        "device": "cpu",
        "steps": 6,
        "checkpoint_at": 3,
        "killed_at": 4,
        "tensors": 90,
        "differ": [{"name": "wte.weight/exp_avg", "most": 0.25}],
        "spec": {},
        "weights_sha256": "0" * 64,
    }
    found = drill.judge(about, result)
    assert found.outcome == "failed"
    assert found.reasons[0].code == "resumed_otherwise"
    assert "wte.weight/exp_avg" in found.reasons[0].values["tensors"][0]


@pytest.fixture
def version(atlas, tiny_model):
    """Of a model that has never seen the rows which it is said to have learned from."""
    rows = [{"prompt": f"How much is {i}?", "completion": f"{i * 7}."} for i in range(300)]
    learned = make_rows_version(atlas, "prompt_completion", rows)
    spec = SFT | {"data": {"validation_share": 0.5}}
    found = make_model_version(make_run(atlas, dataset_version=learned, spec=spec))
    found.folder.mkdir(parents=True)
    for path in tiny_model.iterdir():
        (found.folder / path.name).write_bytes(path.read_bytes())
    found.files = files_of(found.folder)
    found.save()
    return found


class TestMembership:
    def test_a_model_that_tells_nothing(self, version):
        evidence = done(version, "membership-inference")
        assert evidence.outcome == "passed", told(evidence)
        assert evidence.measured["trained"] > 100
        assert evidence.measured["low"] < 0.6
        assert evidence.inputs["model"] == version.manifest_sha256

    def judged(self, version, **changes):
        from llmhub.checklists.checks import model

        checklist = make_checklist(version, "membership-inference")
        about = checking.About(checklist, checklist.template_version.parsed.items()[0])
        result = {
            "trained": 300,
            "held_out": 300,
            "auc": 0.7,
            "low": 0.65,
            "high": 0.75,
            "losses": {},
        }
        return model.judge_membership(about, result | changes)

    def test_one_that_tells_its_rows_fails(self, version):
        found = self.judged(version)
        assert found.outcome == "failed"
        assert found.reasons[0].code == "members_told"

    def test_the_lower_end_of_the_interval_decides(self, version):
        assert self.judged(version, low=0.5999).outcome == "passed"
        assert self.judged(version, low=0.6).outcome == "failed"

    def test_few_rows_prove_nothing(self, version):
        found = self.judged(version, held_out=99, low=0.1)
        assert found.outcome == "unknown"
        assert found.reasons[0].code == "few_rows"

    def test_files_that_were_changed_are_not_asked(self, version):
        (version.folder / "config.json").write_text("{}")
        (evidence,) = checking.start(
            make_checklist(version, "membership-inference"), ["membership-inference"], None
        )
        run_jobs()
        evidence.refresh_from_db()
        assert evidence.outcome == "failed"
        assert codes(evidence)[0] == "check_not_done"

    def test_a_reward_model_has_no_texts_to_tell(self, atlas):
        pairs = [{"chosen": "a b", "rejected": "a c"}]
        learned = make_rows_version(atlas, "preference", pairs)
        spec = {**SFT, "objective": "reward"}
        version = make_model_version(make_run(atlas, dataset_version=learned, spec=spec))
        (evidence,) = checking.start(
            make_checklist(version, "membership-inference"), ["membership-inference"], None
        )
        assert evidence.outcome == "unknown"
        assert codes(evidence) == ["no_own_data"]


@pytest.mark.parametrize(("scale", "code"), [(Scale.SMOKE, "model_not_there"), (Scale.FULL, "")])
def test_a_model_that_is_still_to_be_made_leaves_it_to_people(atlas, scale, code):
    """Unless the small form takes another one anyway."""
    source = make_run(atlas)
    rows = make_rows_version(atlas, "prompt_completion", [{"prompt": "a", "completion": "b"}])
    spec = SFT | {"model": {"base_model": f"run:{source.pk}"}}
    run = draft(atlas, rows, spec=spec, scale=scale)
    RunInput.objects.create(run=run, role="model.base_model", source=source)

    (evidence,) = checking.start(make_checklist(run, "resume-drill"), ["resume-drill"], None)

    assert codes(evidence) == ([code] if code else [])
    assert (evidence.job is None) == bool(code)
