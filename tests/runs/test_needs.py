"""What a run will need, and how well that came true."""

from __future__ import annotations

import pytest
from transformers import GPT2Config

from llmhub.recipes import shapes, specs
from llmhub.recipes.alignment_estimate import alignment_estimate
from llmhub.recipes.cost import Power, cost
from llmhub.recipes.estimate import PROCESS_BYTES, Device, estimate
from llmhub.recipes.fitting import what_would_fit
from llmhub.recipes.scales import usable_bytes
from llmhub.runs import launch, needs, predictions, probes, throughput
from llmhub.runs.attempts import End, end
from llmhub.runs.models import Prediction, Run, Worker
from llmhub.runs.needs import Verdict
from llmhub.runs.states import Outcome
from llmhub.runs.throughput import Source
from tests.factories import SMOKE_SPEC, make_attempt, make_run
from tests.runs.alignment import SPECS, recipe, rows, trained

GIB = 2**30
CPU = Device("cpu", "Some CPU", 16 * GIB, cores=2)
SMOKE = specs.parse(SMOKE_SPEC)


def finished(
    project,
    spec: specs.Spec,
    device: Device,
    tokens_per_second: float,
    outcome: Outcome = Outcome.SUCCEEDED,
) -> Run:
    run = make_run(project, spec=specs.dump(spec))
    predictions.predict(run, spec, needs.estimate_of(spec, device, project), device)
    attempt, _ = make_attempt(run)
    used = {"seconds": 10.0, "tokens": int(10 * tokens_per_second), "peak_bytes": 5 * GIB}
    assert end(attempt, End(outcome, used=used))
    return run


def speed(spec: specs.Spec, device: Device) -> throughput.Speed:
    return throughput.speed_of(spec, needs.estimate_of(spec, device, None), device)


@pytest.mark.parametrize(
    ("used", "expected"),
    [(1, Verdict.FITS), (13, Verdict.TIGHT), (15, Verdict.TOO_MUCH)],
)
def test_a_verdict(used, expected):
    """Of 16 GiB a run may plan with 14.4; above 85 % of that it is tight."""
    assert needs.verdict(used * GIB, usable_bytes(SMOKE.runtime, CPU)) == expected


def test_processes_share_the_memory_of_a_processor_and_have_a_card_each():
    two = specs.override(SMOKE, {"runtime.processes": 2}).runtime
    card = Device("cuda", "Some card", 16 * GIB)
    assert usable_bytes(two, CPU) == usable_bytes(SMOKE.runtime, CPU) / 2
    assert usable_bytes(two, card) == usable_bytes(SMOKE.runtime, card)


def test_what_a_probe_found_is_what_is_predicted_with_the_process_on_top(atlas):
    found = estimate(SMOKE, CPU)
    own = PROCESS_BYTES["cpu"]
    assert needs.memory_of(found, None, CPU) == needs.Memory(found.memory_bytes + own, False, own)
    assert needs.memory_of(found, {"peak_bytes": 7}, CPU) == needs.Memory(7 + own, True, own)
    assert needs.memory_of(found, {"peak_bytes": 7}, None) == needs.Memory(7, True, 0)
    wanted = probes.needed(SMOKE, atlas)
    probe = probes.request(wanted, CPU)
    probes.finish(probe.pk, {"peak_bytes": 7})
    said = Prediction.objects.get(run=finished(atlas, SMOKE, CPU, 100))
    assert (said.memory_bytes, said.memory_is_measured) == (7 + own, True)


def test_advice_keeps_the_process_and_scales_the_rest(atlas):
    """Where a probe found twice as much as arithmetic, twice as much has to be saved."""
    spec = specs.override(SMOKE, {"training.micro_batch_size": 8, "training.batch_size": 8})
    found, own = estimate(spec, CPU), PROCESS_BYTES["cpu"]
    planned = launch.Plan(spec, spec, spec, [], {}, {}, found, CPU)
    memory = needs.Memory(2 * found.memory_bytes + own, True, own)
    told = needs.advice(planned, memory, own + 1.5 * found.memory_bytes, atlas)
    fit = what_would_fit(spec, CPU, None, 0.75 * found.memory_bytes)
    assert told.memory_bytes == 2 * fit.memory_bytes + own
    assert needs.advice(planned, memory, own, atlas) is None


def test_energy_by_hand():
    """1,000 W x 1.2 x 2 h = 2,400 Wh; x 400 g per kWh = 960 g."""
    found = cost(7200, 1000, Power(pue=1.2, grid_g_per_kwh=400))
    assert (found.watt_hours, found.co2_grams) == (2400, 960)


class TestSpeed:
    def test_without_any_run_it_is_a_guess(self, db):
        assert speed(SMOKE, CPU).source == Source.GUESS

    def test_runs_of_the_same_model_on_the_same_device_say_it(self, atlas):
        for rate in (100, 300, 200):
            finished(atlas, SMOKE, CPU, rate)
        found = speed(SMOKE, CPU)
        assert (found.tokens_per_second, found.source, found.runs) == (200, Source.MEASURED, 3)

    def test_another_device_knows_nothing_of_it(self, atlas):
        finished(atlas, SMOKE, CPU, 100)
        assert speed(SMOKE, Device("cpu", "Another", 16 * GIB)).source == Source.GUESS

    def test_another_model_is_scaled_by_its_operations(self, atlas):
        finished(atlas, SMOKE, CPU, 100)
        larger = specs.override(SMOKE, {"model.n_layer": SMOKE.model.n_layer * 4})
        ratio = estimate(SMOKE).parameters / estimate(larger).parameters
        found = speed(larger, CPU)
        assert found.source == Source.SCALED
        assert found.tokens_per_second == pytest.approx(100 * ratio, rel=1e-3)

    def test_how_full_rows_were_shortens_the_next_time(self, atlas):
        """The run had 1,000 tokens, of as many as fit in its rows."""
        finished(atlas, SMOKE, CPU, 100)
        assert speed(SMOKE, CPU).fill == 1_000 / estimate(SMOKE).total_tokens

    def test_a_run_that_did_not_come_to_its_end_says_nothing_of_how_full_rows_are(self, atlas):
        finished(atlas, SMOKE, CPU, 100, Outcome.STOPPED)
        found = speed(SMOKE, CPU)
        assert (found.source, found.fill) == (Source.MEASURED, 1.0)

    def test_copies_and_divided_models_are_not_compared(self, atlas):
        copies = specs.override(SMOKE, {"runtime.processes": 2})
        divided = specs.override(copies, {"runtime.strategy": "fsdp"})
        card = Device("cuda", "Some card", 16 * GIB)
        finished(atlas, copies, card, 100)
        assert speed(copies, card).source == Source.MEASURED
        assert speed(divided, card).source == Source.SCALED


class TestShapes:
    def test_of_a_run_that_starts_from_a_run(self, atlas):
        first = trained(atlas, 1)
        second = trained(atlas, 1, spec=SPECS["sft"] | {"model": {"base_model": f"run:{first.pk}"}})
        assert needs.shape_of(atlas, f"run:{second.pk}").model == SMOKE.model

    def test_runs_that_start_from_each_other_end(self, atlas):
        run = make_run(atlas, spec=SPECS["sft"])
        run.config["model"]["base_model"] = f"run:{run.pk}"
        run.save()
        assert needs.shape_of(atlas, f"run:{run.pk}") is None

    def test_of_what_a_worker_has_downloaded_and_of_a_folder(self, db, settings, tmp_path):
        settings.HUB_DATA, settings.MODEL_ROOTS = tmp_path, [str(tmp_path)]
        kept = tmp_path / "models" / "hub" / "somebody--something"
        config = GPT2Config(vocab_size=300, n_positions=64, n_embd=48, n_layer=3, n_head=4)
        config.save_pretrained(kept)
        for reference in ("somebody/something", f"folder:{kept}"):
            assert needs.shape_of(None, reference).model.n_layer == 3
        settings.MODEL_ROOTS = []
        assert needs.shape_of(None, f"folder:{kept}") is None

    @pytest.mark.parametrize("name", ["llama-2-7b-sft", "meta-llama/Llama-2-7b-hf"])
    def test_of_the_models_that_the_recipes_name(self, db, name):
        found = alignment_estimate(specs.parse(SPECS["sft"]), needs.shape_of(None, name))
        assert found.parameters == 6_738_415_616

    def test_what_only_the_files_could_tell_is_not_known(self, db):
        assert needs.shape_of(None, "somebody/something") is None


class TestAlignment:
    SHAPE = shapes.of("demo:tiny")

    def of(self, objective: str, **changes):
        spec = specs.override(specs.parse(SPECS[objective]), changes)
        return alignment_estimate(spec, self.SHAPE)

    def test_adapters_leave_gradients_and_moments_to_themselves(self):
        """4 layers x rank 8 x (inputs + outputs) of q, k, v, o (256 each) and 3 x (128 + 384)."""
        found = self.of("sft", **{"lora.rank": 8})
        assert found.learning == 4 * 8 * (4 * 256 + 3 * 512)
        assert found.gradients_bytes == 4 * found.learning

    def test_ppo_keeps_a_reward_model_and_without_adapters_a_reference(self):
        assert self.of("ppo").frozen_bytes == 2 * 4 * self.of("ppo").parameters
        adapted = self.of("ppo", **{"lora.rank": 8})
        assert adapted.frozen_bytes == 4 * adapted.parameters

    def test_operations_by_hand(self):
        """SFT: 6 N for each of 8 x 64 tokens in 20 steps. A pair has two sequences."""
        found = self.of("sft")
        assert found.flops == 6 * found.parameters * 8 * 64 * 20
        assert self.of("reward").flops == 2 * found.flops


def test_what_would_fit_takes_the_gentlest_way():
    spec = specs.override(SMOKE, {"training.micro_batch_size": 8, "training.batch_size": 8})
    needed = estimate(spec, CPU).memory_bytes
    fit = what_would_fit(spec, CPU, None, usable_bytes=needed * 0.7)
    assert fit is not None
    assert list(fit.changes) == ["training.micro_batch_size"]
    assert fit.memory_bytes <= needed * 0.7
    assert what_would_fit(spec, CPU, None, usable_bytes=1000) is None


def test_a_launch_keeps_what_was_said_and_its_end_what_was_used(alice, atlas):
    Worker.objects.create(
        name="w", devices=[{"kind": "cpu", "name": "Some CPU", "memory_bytes": 16 * GIB}]
    )
    run = launch.launch(
        user=alice,
        project=atlas,
        recipe_version=recipe("sft"),
        scale="full",
        overrides={},
        data=rows(atlas, "sft"),
    )
    said = Prediction.objects.get(run=run)
    assert (said.device_name, said.actual_seconds) == ("Some CPU", None)
    assert said.process_bytes == PROCESS_BYTES["cpu"] < said.memory_bytes
    assert said.seconds > 0

    attempt, _ = make_attempt(run)
    end(attempt, End(Outcome.SUCCEEDED, used={"seconds": 4.0, "tokens": 80, "peak_bytes": 7}))
    said.refresh_from_db()
    assert (said.actual_seconds, said.actual_tokens_per_second) == (4.0, 20.0)
    assert said.actual_memory_bytes == 7


class TestPage:
    def test_it_is_empty_before_the_first_run_has_ended(self, as_bob, atlas):
        assert b"No run has come to its end yet" in as_bob.get("/predictions/").content

    def test_it_compares_and_counts_no_query_more_for_more_runs(
        self, as_bob, atlas, django_assert_num_queries
    ):
        finished(atlas, SMOKE, CPU, 100)
        with django_assert_num_queries(count_of(as_bob)):
            for _ in range(3):
                pass
            shown = as_bob.get("/predictions/").content.decode()
        assert "Some CPU" in shown
        before = count_of(as_bob)
        for _ in range(3):
            finished(atlas, SMOKE, CPU, 100)
        assert count_of(as_bob) == before


def count_of(client) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        client.get("/predictions/")
    return len(queries)
