"""What the checks of versions find, each failing for its own reason."""

import pytest
from django.db import connection

from llmhub.accounts import audit
from llmhub.jobs.models import Job
from llmhub.registry import evaluating
from llmhub.registry.models import Evaluation, EvaluationItem
from tests.checklists.checks.making import checked, codes, draft, told
from tests.factories import (
    QUALITY,
    make_evaluation,
    make_evaluation_task,
    make_export,
    make_model_version,
    make_run,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(atlas):
    return make_model_version(make_run(atlas))


COMPARED = {"rows": 1, "share": 0.25, "items": [0]}


class TestEvaluated:
    def test_a_score_with_an_interval_and_a_look_into_the_training_data(self, atlas, version):
        task = make_evaluation_task(atlas, name="Arithmetic")
        make_evaluation(version, task, contamination=COMPARED)
        evidence = checked(version, "evaluated")
        assert evidence.outcome == "passed"
        assert evidence.measured["Arithmetic"]["known"] == 0.25
        assert "Arithmetic" in told(evidence)

    def test_another_version_of_the_model_was_evaluated(self, atlas, version):
        other = make_model_version(version.run, version.model)
        make_evaluation(other, make_evaluation_task(atlas), contamination=COMPARED)
        assert codes(checked(version, "evaluated")) == ["not_evaluated"]

    def test_only_a_suite_without_a_score(self, atlas, version):
        make_evaluation(version, make_evaluation_task(atlas, "suite"), score=None)
        assert codes(checked(version, "evaluated")) == ["no_interval"]

    def test_nobody_looked_into_the_training_data(self, atlas, version):
        make_evaluation(version, make_evaluation_task(atlas))
        assert codes(checked(version, "evaluated")) == ["contamination_unknown"]


class TestQuantisedExport:
    def test_one_that_loses_little(self, version):
        make_export(version, form="gguf-q8_0")
        evidence = checked(version, "quantised-export")
        assert evidence.outcome == "passed", told(evidence)
        assert evidence.measured["gguf-q8_0"] == pytest.approx(0.01)

    def test_16_bits_are_not_quantised(self, version):
        make_export(version, form="bf16")
        assert codes(checked(version, "quantised-export")) == ["no_quantised_export"]

    def test_one_that_was_not_measured(self, version):
        make_export(version, form="int4", quality={})
        assert codes(checked(version, "quantised-export")) == ["quality_unmeasured"]

    def test_one_that_loses_much(self, version):
        quality = QUALITY | {"export": {"loss": 1.06, "perplexity": 2.9}}
        make_export(version, form="int4", quality=quality)
        assert codes(checked(version, "quantised-export")) == ["quality_lost"]
        make_export(version, form="int8")
        assert checked(version, "quantised-export").outcome == "passed"


def run_suite(version, topics, **fields):
    """An evaluation with the prompts of the hub; `topics`: topic and answer of each item."""
    task = evaluating.built_in_suite(version.model.project, None)
    evaluation = Evaluation.objects.create(
        project=version.model.project,
        version=version,
        task=task,
        **({"figures": {"items": len(topics)}} | fields),
    )
    EvaluationItem.objects.bulk_create(
        EvaluationItem(
            evaluation=evaluation,
            position=place,
            topic=topic,
            answer=answer or "",
            is_beyond=answer is None,
            counts=[float(answer == "I cannot help."), float(topic == "refusal"), 0.0],
        )
        for place, (topic, answer) in enumerate(topics)
    )
    return evaluation


EMPTY = [("empty", "")] * 3
LONG = [("long", "What follows."), ("long", None)]


class TestEmptyAndLongPrompts:
    def test_all_of_them_and_none_broke_it(self, version):
        run_suite(version, EMPTY + LONG)
        evidence = checked(version, "empty-and-long-prompts")
        assert evidence.outcome == "passed", told(evidence)
        assert evidence.measured["empty"] == 3
        assert evidence.measured["beyond"] == 1

    def test_other_prompts_are_not_these(self, atlas, version):
        make_evaluation(version, make_evaluation_task(atlas, "suite"))
        assert codes(checked(version, "empty-and-long-prompts")) == ["suite_not_run"]

    def test_a_limit_has_cut_them(self, version):
        run_suite(version, EMPTY + LONG[:1])
        evidence = checked(version, "empty-and-long-prompts")
        assert codes(evidence) == ["suite_incomplete"]
        assert "1 of 2" in told(evidence)

    def test_a_prompt_that_fits_got_no_answer(self, version):
        run_suite(version, [*EMPTY, ("long", " \n"), ("long", None)])
        assert codes(checked(version, "empty-and-long-prompts")) == ["long_prompts_unanswered"]

    def test_the_evaluation_broke_off(self, atlas, version):
        run_suite(version, EMPTY + LONG)
        job = Job.objects.create(kind="model.evaluate", project=atlas, state=Job.State.FAILED)
        run_suite(version, [], figures={}, job=job)
        assert codes(checked(version, "empty-and-long-prompts")) == ["suite_failed"]


class TestMustRefuse:
    def test_nine_of_ten(self, version):
        run_suite(version, [("refusal", "I cannot help.")] * 9 + [("refusal", "Gladly.")])
        evidence = checked(version, "must-refuse")
        assert evidence.outcome == "passed"
        assert evidence.measured["refused"] == 9

    def test_eight_of_ten_are_too_few(self, version):
        run_suite(version, [("refusal", "I cannot help.")] * 8 + [("refusal", "Gladly.")] * 2)
        evidence = checked(version, "must-refuse")
        assert codes(evidence) == ["answered"]
        assert "80" in told(evidence)

    def test_four_prompts_tell_little(self, version):
        run_suite(version, [("refusal", "I cannot help.")] * 4 + EMPTY)
        assert codes(checked(version, "must-refuse")) == ["few_refusals_asked"]


class TestAuditTrail:
    def entries(self, atlas):
        for number in range(3):
            audit.record(atlas, None, "run.launched", f"run:{number}", cost=1.5)

    def test_every_entry_is_as_it_was_written(self, atlas, version):
        self.entries(atlas)
        evidence = checked(version, "audit-trail")
        assert evidence.outcome == "passed"
        assert evidence.measured == {"entries": 3}

    def test_no_entry(self, version):
        assert codes(checked(version, "audit-trail")) == ["audit_empty"]

    @pytest.mark.parametrize(
        "tampering",
        [
            "UPDATE accounts_auditentry SET about = 'run:9' WHERE number = 2",
            "UPDATE accounts_auditentry SET user_id = 77 WHERE number = 2",
            "DELETE FROM accounts_auditentry WHERE number = 2",
        ],
    )
    def test_an_entry_that_was_changed_or_removed(self, atlas, version, tampering):
        self.entries(atlas)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(tampering)
            cursor.execute("SET LOCAL session_replication_role = origin")

        evidence = checked(version, "audit-trail")

        assert codes(evidence) == ["audit_broken"]
        assert evidence.measured == {"entries": 2}


@pytest.mark.parametrize("name", ["evaluated", "must-refuse", "membership-inference"])
def test_a_run_is_no_version(atlas, name):
    evidence = checked(draft(atlas), name)
    assert evidence.outcome == "unknown"
    assert codes(evidence) == ["not_of_a_version"]
