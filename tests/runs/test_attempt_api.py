import json
from datetime import timedelta

import pytest
from django.utils import timezone

from llmhub.jobs.models import Dispatch
from llmhub.runs import checkpoints, services
from llmhub.runs.models import Attempt, Checkpoint
from llmhub.runs.states import Outcome, State, Want
from tests.factories import make_attempt, make_run

SHA = "a" * 64


@pytest.fixture
def run(atlas):
    return make_run(atlas)


@pytest.fixture
def attempt(run):
    return make_attempt(run, State.CLAIMED, started_at=None)


@pytest.fixture
def tell(client, attempt):
    """Says something as the attempt's machine, or with another secret."""

    def post(what, body, secret=attempt[1], to=attempt[0]):
        return client.post(
            f"/api/v1/attempts/{to.pk}/{what}",
            body if isinstance(body, bytes | str) else json.dumps(body),
            content_type="application/json",
            headers={"Authorization": f"Bearer {secret}"},
        )

    return post


def beat(tell, state="running", step=1, **kwargs):
    return tell("heartbeat", {"state": state, "step": step}, **kwargs)


def checkpoint(step, sha=SHA, **fields):
    return {
        "step": step,
        "path": f"/data/step-{step}",
        "bytes": 10,
        "manifest_sha256": sha,
    } | fields


class TestWhoSpeaks:
    @pytest.mark.parametrize("what", ["heartbeat", "finish", "checkpoints"])
    @pytest.mark.parametrize("secret", ["", "wrong"])
    def test_nobody_without_the_secret(self, tell, run, what, secret):
        assert tell(what, {}, secret=secret).status_code == 401
        run.refresh_from_db()
        assert run.state == State.CLAIMED

    def test_nobody_with_the_secret_of_another_attempt(self, tell, atlas):
        _, others = make_attempt(make_run(atlas))
        assert beat(tell, secret=others).status_code == 401

    def test_no_get(self, client, attempt):
        assert client.get(f"/api/v1/attempts/{attempt[0].pk}/heartbeat").status_code == 405

    def test_an_attempt_that_was_replaced_is_stale(self, tell, run):
        make_attempt(run)

        assert beat(tell).status_code == 409
        assert tell("finish", {"outcome": "succeeded"}).status_code == 409
        assert tell("checkpoints", {"checkpoints": []}).status_code == 409

        run.refresh_from_db()
        assert run.state == State.RUNNING


class TestBodies:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"\xff\xfe",
            [],
            {},
            {"state": "succeeded", "step": 1},
            {"state": "running", "step": -1},
            {"state": "running", "step": 2**60},
            {"state": "running", "step": True, "more": 1},
            {"state": "running"},
        ],
    )
    def test_nonsense_is_refused_with_a_reason(self, tell, run, body):
        answer = tell("heartbeat", body)

        assert answer.status_code == 400
        assert answer.json()["error"]
        run.refresh_from_db()
        assert run.state == State.CLAIMED

    def test_too_much_is_refused(self, tell):
        assert tell("heartbeat", b" " * 70_000).status_code == 413

    def test_a_message_with_a_nul_is_taken(self, tell, run):
        answer = tell("finish", {"outcome": "failed", "cause": "crashed", "message": "a\0b"})

        assert answer.status_code == 200
        run.refresh_from_db()
        assert run.message == "a?b"


class TestHeartbeat:
    def test_it_carries_state_and_step_and_renews_the_lease(self, tell, run, attempt):
        Attempt.objects.update(lease_expires_at=timezone.now())

        answer = beat(tell, "running", 7)

        assert answer.json() == {"want": "run", "pinned": []}
        run.refresh_from_db()
        assert (run.state, run.step) == (State.RUNNING, 7)
        assert run.started_at is not None
        renewed = Attempt.objects.get()
        assert renewed.started_at is not None
        assert renewed.lease_expires_at > timezone.now() + timedelta(seconds=10)

    def test_it_hears_which_checkpoints_stay(self, tell, run):
        tell("checkpoints", {"checkpoints": [checkpoint(10), checkpoint(20)]})
        checkpoints.pin(run.checkpoints.get(step=10), pinned=True)
        assert beat(tell).json()["pinned"] == [10]

    def test_the_trainer_counts_the_steps(self, tell, run):
        tell("heartbeat", {"state": "running", "step": 1, "total_steps": 72})
        run.refresh_from_db()
        assert run.total_steps == 72

        beat(tell, step=2)
        run.refresh_from_db()
        assert run.total_steps == 72

    def test_it_hears_what_a_person_wants(self, tell, run):
        beat(tell)
        services.pause(run)
        assert beat(tell).json()["want"] == "pause"

        services.stop(run)
        assert beat(tell).json()["want"] == "stop"
        run.refresh_from_db()
        assert run.state == State.STOPPING

    def test_it_brings_an_unreachable_run_back(self, tell, run):
        beat(tell)
        run.state = State.UNREACHABLE
        run.save()

        assert beat(tell, step=9).status_code == 200

        run.refresh_from_db()
        assert (run.state, run.step) == (State.RUNNING, 9)

    def test_the_first_start_of_a_run_is_kept(self, tell, run):
        beat(tell)
        run.refresh_from_db()
        started_at = run.started_at
        beat(tell, "stopping", 2)
        beat(tell, "running", 3)

        run.refresh_from_db()
        assert run.started_at == started_at


class TestFinish:
    @pytest.mark.parametrize("outcome", ["succeeded", "failed", "stopped"])
    def test_the_trainers_word_is_final(self, tell, run, outcome):
        beat(tell)

        assert tell("finish", {"outcome": outcome, "step": 40, "exit_code": 0}).status_code == 200

        run.refresh_from_db()
        assert (run.state, run.step) == (outcome, 40)
        assert run.ended_at is not None
        attempt = Attempt.objects.get()
        assert (attempt.outcome, attempt.exit_code) == (outcome, 0)
        assert attempt.ended_at is not None

    def test_a_failure_says_why(self, tell, run):
        tell("finish", {"outcome": "failed", "cause": "out_of_memory", "message": "12 GB"})

        run.refresh_from_db()
        assert (run.state, run.cause, run.message) == (State.FAILED, "out_of_memory", "12 GB")

    def test_what_was_killed_goes_back_to_the_queue_before_new_work(self, tell, run):
        queued_at = run.queued_at
        beat(tell, step=5)

        tell("finish", {"outcome": "killed", "cause": "killed", "message": "signal 9"})

        run.refresh_from_db()
        assert (run.state, run.want, run.step) == (State.QUEUED, Want.RUN, 5)
        assert (run.cause, run.queued_at) == ("killed", queued_at)
        assert Dispatch.objects.count() == 1

    def test_the_third_kill_is_the_last(self, tell, run):
        for outcome in (Outcome.KILLED, Outcome.LOST):
            make_attempt(run, outcome=outcome, ended_at=timezone.now())
        attempt, secret = make_attempt(run)

        tell(
            "finish",
            {"outcome": "killed", "cause": "killed", "message": "signal 9"},
            secret,
            attempt,
        )

        run.refresh_from_db()
        assert (run.state, run.cause, run.message) == (State.FAILED, "gave_up", "killed: signal 9")

    def test_pauses_do_not_count_as_kills(self, tell, run):
        for _ in range(5):
            make_attempt(run, outcome=Outcome.PAUSED, ended_at=timezone.now())
        attempt, secret = make_attempt(run)

        tell("finish", {"outcome": "killed"}, secret, attempt)

        run.refresh_from_db()
        assert run.state == State.QUEUED

    @pytest.mark.parametrize("outcome", ["killed", "paused"])
    def test_a_stop_that_was_asked_for_ends_it_however_it_ended(self, tell, run, outcome):
        beat(tell)
        services.stop(run)

        tell("finish", {"outcome": outcome})

        run.refresh_from_db()
        assert (run.state, run.cause) == (State.STOPPED, "stopped_by_person")

    def test_a_pause_that_was_asked_for_holds_although_the_trainer_was_killed(self, tell, run):
        beat(tell)
        services.pause(run)

        tell("finish", {"outcome": "killed"})

        run.refresh_from_db()
        assert (run.state, run.cause) == (State.PAUSED, "paused_by_person")

    def test_a_pause_that_was_taken_back_too_late_goes_on(self, tell, run):
        beat(tell)
        services.pause(run)
        services.resume(run)

        tell("finish", {"outcome": "paused", "step": 3})

        run.refresh_from_db()
        assert (run.state, run.want) == (State.QUEUED, Want.RUN)

    def test_reporting_twice_is_as_good_as_once(self, tell, run):
        body = {"outcome": "killed", "cause": "killed"}

        assert tell("finish", body).status_code == 200
        assert tell("finish", body).status_code == 200

        assert Attempt.objects.failed_by_machine().count() == 1
        assert Dispatch.objects.count() == 1

    def test_nothing_is_heard_of_an_attempt_that_is_over(self, tell, run):
        tell("finish", {"outcome": "killed"})

        assert beat(tell).status_code == 409
        assert tell("finish", {"outcome": "succeeded"}).status_code == 409
        run.refresh_from_db()
        assert run.state == State.QUEUED

    @pytest.mark.parametrize("outcome", ["lost", "exploded"])
    def test_a_machine_cannot_say_that_it_is_lost(self, tell, outcome):
        assert tell("finish", {"outcome": outcome}).status_code == 400

    def test_a_free_slot_wakes_the_next_run(self, tell, atlas):
        make_run(atlas)
        tell("finish", {"outcome": "succeeded"})
        assert Dispatch.objects.count() == 1


class TestCheckpoints:
    def test_the_listing_adds_what_is_new_and_removes_what_is_gone(self, tell, run):
        tell("checkpoints", {"checkpoints": [checkpoint(10), checkpoint(20, val_loss=2.5)]})
        tell("checkpoints", {"checkpoints": [checkpoint(20, val_loss=2.5), checkpoint(30)]})

        rows = {row.step: row for row in Checkpoint.objects.all()}
        assert {step: row.removed_at is None for step, row in rows.items()} == {
            10: False,
            20: True,
            30: True,
        }
        assert rows[20].val_loss == 2.5

    def test_a_resumed_attempt_does_not_claim_the_checkpoints_of_the_one_before(self, tell, run):
        tell("checkpoints", {"checkpoints": [checkpoint(10)]})
        attempt, secret = make_attempt(run)

        tell("checkpoints", {"checkpoints": [checkpoint(10), checkpoint(20)]}, secret, attempt)

        assert [(row.step, row.attempt.number) for row in Checkpoint.objects.order_by("step")] == [
            (10, 1),
            (20, 2),
        ]

    def test_a_step_that_was_written_again_is_another_checkpoint(self, tell, run):
        tell("checkpoints", {"checkpoints": [checkpoint(10)]})
        tell("checkpoints", {"checkpoints": [checkpoint(10, sha="b" * 64)]})

        row = Checkpoint.objects.get(removed_at=None)
        assert row.manifest_sha256 == "b" * 64

    @pytest.mark.parametrize(
        "wrong",
        [{"step": -1}, {"manifest_sha256": "x"}, {"path": ""}, {"path": "a\0b"}, {"bytes": 2**63}],
    )
    def test_nonsense_is_refused(self, tell, wrong):
        answer = tell("checkpoints", {"checkpoints": [checkpoint(1) | wrong]})

        assert answer.status_code == 400
        assert not Checkpoint.objects.exists()
