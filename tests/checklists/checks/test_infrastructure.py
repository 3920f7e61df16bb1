"""What the checks of machines find, each failing for its own reason."""

from datetime import timedelta

import pytest
from django.utils import timezone

from llmhub.checklists.checks import KNOWN, About
from llmhub.metrics.models import Batch
from tests.checklists.checks.making import (
    checked,
    codes,
    draft,
    make_checklist,
    make_worker,
    told,
)
from tests.factories import SMOKE_SPEC, make_attempt, make_rows_version, make_run

pytestmark = pytest.mark.django_db


def spec(**runtime):
    return {**SMOKE_SPEC, "runtime": runtime}


class TestFreeDisk:
    def test_room_for_the_data_three_times_and_for_the_checkpoints(self, atlas):
        make_worker()
        run = draft(atlas)
        evidence = checked(run, "free-disk")
        assert evidence.outcome == "passed", told(evidence)
        data = run.dataset_version.bytes
        assert evidence.measured["needed"] > 3 * data + 12 * evidence.measured["parameters"]

    def test_fails_where_there_is_a_byte_too_little(self, atlas):
        worker = make_worker()
        run = draft(atlas)
        needed = checked(run, "free-disk").measured["needed"]
        worker.disk_free_bytes = needed
        worker.save()
        assert checked(run, "free-disk").outcome == "passed"
        worker.disk_free_bytes = needed - 1
        worker.save()

        evidence = checked(run, "free-disk")

        assert codes(evidence) == ["disk_small"]
        assert worker.name in told(evidence)

    def test_more_checkpoints_need_more_room(self, atlas):
        make_worker()
        few = checked(draft(atlas, spec=spec(keep_checkpoints=1)), "free-disk")
        many = checked(draft(atlas, spec=spec(keep_checkpoints=100)), "free-disk")
        assert many.measured["needed"] > 10 * few.measured["needed"]

    def test_fails_where_no_worker_is_up(self, atlas):
        make_worker(last_seen_at=timezone.now() - timedelta(hours=1))
        assert codes(checked(draft(atlas), "free-disk")) == ["no_worker"]

    def test_is_left_to_people_where_nobody_knows_the_size_of_the_model(self, atlas):
        make_worker()
        rows = make_rows_version(atlas, "prompt_completion", [{"prompt": "a", "completion": "b"}])
        training = {"batch_size": 2, "learning_rate": 1e-4, "max_seq_length": 64}
        unknown = {
            "objective": "sft",
            "model": {"base_model": "somebody/model"},
            "training": training,
        }
        evidence = checked(draft(atlas, rows, spec=unknown), "free-disk")
        assert evidence.outcome == "unknown"
        assert codes(evidence) == ["size_unknown"]


class TestMetricsArrive:
    def test_those_of_a_run_on_a_worker_that_is_up(self, atlas):
        attempt, _ = make_attempt(make_run(atlas), worker=make_worker())
        assert codes(checked(draft(atlas), "metrics-arrive")) == ["no_metrics"]
        Batch.objects.create(
            run=attempt.run,
            attempt=attempt,
            number=1,
            rev=1,
            first_step=1,
            last_step=1,
            rows=1,
            names=[],
            data=b"",
        )
        evidence = checked(draft(atlas), "metrics-arrive")
        assert evidence.outcome == "passed"
        assert attempt.run.name in told(evidence)

    def test_is_left_to_people_where_nothing_ran_lately(self, atlas):
        long_ago = timezone.now() - timedelta(hours=25)
        make_attempt(make_run(atlas), worker=make_worker(), started_at=long_ago)
        evidence = checked(draft(atlas), "metrics-arrive")
        assert evidence.outcome == "unknown"
        assert codes(evidence) == ["nothing_ran"]


class TestCheckpointsOn:
    def test_some_are_written_on_the_way(self, atlas):
        evidence = checked(draft(atlas, spec=spec(checkpoint_every=39)), "checkpoints-on")
        assert evidence.outcome == "passed"
        assert evidence.measured == {"every": 39, "steps": 40, "kept": 3}

    def test_fails_where_the_first_is_the_last(self, atlas):
        evidence = checked(draft(atlas, spec=spec(checkpoint_every=40)), "checkpoints-on")
        assert codes(evidence) == ["no_checkpoint_on_the_way"]

    @pytest.mark.parametrize(("every", "outcome"), [(9, "passed"), (10, "failed")])
    def test_the_steps_of_epochs_follow_from_the_rows(self, atlas, every, outcome):
        """10 rows, of which 9 are trained on, 2 at once, twice."""
        rows = [{"prompt": f"{i}", "completion": "b"} for i in range(10)]
        version = make_rows_version(atlas, "prompt_completion", rows)
        by_epochs = {
            "objective": "sft",
            "model": {"base_model": "demo:tiny"},
            "training": {
                "epochs": 2,
                "batch_size": 2,
                "learning_rate": 1e-4,
                "max_seq_length": 64,
            },
            "data": {"validation_share": 0.1},
            "runtime": {"checkpoint_every": every},
        }
        evidence = checked(draft(atlas, version, spec=by_epochs), "checkpoints-on")
        assert evidence.outcome == outcome
        assert evidence.measured["steps"] == 10


class TestDevices:
    GOOD = {"node": "node-1", "devices": [{"name": "cpu", "wrong": []}], "together": {}}

    def judged(self, atlas, result):
        checklist = make_checklist(draft(atlas), "devices-tested")
        item = checklist.template_version.parsed.item("devices-tested")
        return KNOWN["devices-tested"].work.judge(About(checklist, item), result)

    def test_all_in_order_on_the_only_worker(self, atlas):
        make_worker()
        assert self.judged(atlas, self.GOOD).outcome == "passed"

    def test_another_worker_is_named(self, atlas):
        make_worker()
        make_worker("node-2")
        found = self.judged(atlas, self.GOOD)
        assert found.outcome == "unknown"
        assert found.reasons[0].values["others"] == ["node-2"]

    def test_a_wrong_product_fails(self, atlas):
        make_worker()
        device = {"name": "cuda:0", "wrong": ["products differ by 3"]}
        found = self.judged(atlas, self.GOOD | {"devices": [device]})
        assert found.outcome == "failed"
        assert "products differ by 3" in found.reasons[0].values["what"][0]

    def test_fails_at_once_where_no_worker_is_up(self, atlas):
        assert codes(checked(draft(atlas), "devices-tested")) == ["no_worker"]
