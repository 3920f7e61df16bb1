from datetime import timedelta

import pytest
from django.utils import timezone

from llmhub.jobs.models import Dispatch
from llmhub.recipes import shapes, specs
from llmhub.recipes.content import load
from llmhub.recipes.estimate import Device
from llmhub.recipes.needed import Needed, digest
from llmhub.recipes.smoke import smoke
from llmhub.runs import probes
from llmhub.runs.models import Probe, Worker
from tests.accounts.racing import at_once
from tests.bench.precompute_needs import measure, wanted

SPECS = {content.slug: content.spec for content in load()}
# Not one that comes with the hub.
GPT2 = Needed(specs.override(SPECS["gpt2-125m"], {"model.n_layer": 10}), None)
CPU, GPU = Device("cpu", "CPU", 2**34), Device("cuda", "H200", 141 * 2**30)


def changed(needed: Needed, change: dict) -> Needed:
    return Needed(specs.override(needed.spec, change), needed.shape)


def asked() -> int:
    return Dispatch.objects.filter(task=probes.TASK).count()


@pytest.mark.parametrize(
    "change",
    [
        {"training.learning_rate": 1e-3},
        {"training.max_steps": 7, "training.warmup_steps": 1},
        {"training.batch_size": 1024},
        {"data.tokenizer": "bytes"},
        {"runtime.eval_every": 3},
    ],
)
def test_what_changes_no_byte_is_the_same_probe(db, change):
    first = probes.request(GPT2, CPU)
    assert probes.request(changed(GPT2, change), CPU) == first
    assert asked() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"model.n_layer": 11},
        {"training.micro_batch_size": 4},
        {"training.gradient_accumulation_steps": 1},
        {"runtime.precision": "fp32"},
        {"runtime.activation_checkpointing": True},
    ],
)
def test_what_changes_the_need_is_another_probe(db, change):
    assert probes.request(GPT2, CPU) != probes.request(changed(GPT2, change), CPU)


def test_each_kind_of_device_is_measured_on_a_machine_that_has_it(db):
    Worker.objects.create(name="server", devices=[{"kind": "cuda", "name": "H200"}])
    Worker.objects.create(name="laptop", devices=[{"kind": "cpu", "name": "CPU"}])
    of_gpu, of_cpu = probes.request(GPT2, GPU), probes.request(GPT2, CPU)
    assert (of_gpu.device_kind, of_cpu.device_kind) == ("cuda", "cpu")
    assert probes.known(GPT2, GPU) == of_gpu != of_cpu
    queues = Dispatch.objects.order_by("pk").values_list("queue", flat=True)
    assert list(queues) == ["node.server", "node.laptop"]


def test_without_a_worker_any_machine_may_measure(db):
    probes.request(GPT2, None)
    assert Dispatch.objects.get().queue == "runs"


def test_a_done_probe_is_not_asked_again(db):
    probe = probes.request(GPT2, CPU)
    probes.finish(probe.pk, {"peak_bytes": 5})
    Probe.objects.update(requested_at=timezone.now() - timedelta(days=1))
    assert probes.request(GPT2, CPU).result == {"peak_bytes": 5}
    assert asked() == 1


def test_a_probe_that_failed_or_was_forgotten_is_asked_again_after_a_while(db):
    probe = probes.request(GPT2, CPU)
    probes.finish(probe.pk, error="killed")
    assert probes.request(GPT2, CPU).state == Probe.State.FAILED
    assert asked() == 1
    Probe.objects.update(requested_at=timezone.now() - timedelta(minutes=2))
    assert probes.request(GPT2, CPU).state == Probe.State.PENDING
    assert asked() == 2


@pytest.mark.django_db(transaction=True)
def test_pages_that_ask_at_once_ask_once():
    first, second = at_once(lambda: probes.request(GPT2, CPU), lambda: probes.request(GPT2, CPU))
    assert first == second
    assert asked() == 1


@pytest.mark.parametrize("slug", ["sft", "reward-model", "dpo", "rlhf-ppo"])
def test_an_alignment_is_measured_by_the_shape_of_its_base_whatever_it_is_called(db, slug):
    spec = SPECS[slug]
    here = Needed(
        specs.override(spec, {"training.micro_batch_size": 1, "runtime.precision": "fp32"}),
        shapes.of("openai-community/gpt2"),
    )
    elsewhere = changed(here, {"model.base_model": "owner/name", "training.learning_rate": 1e-4})
    first = probes.request(here, CPU)
    assert probes.request(elsewhere, CPU) == first
    smaller = Needed(spec, shapes.of("demo:tiny"))
    assert probes.request(smaller, CPU) != first
    adapted = changed(here, {"lora.rank": 8})
    assert probes.request(adapted, CPU) != first


def test_a_probe_of_ppo_writes_a_whole_mini_batch_side_by_side():
    """How many answers that is changes the need, and how many of those make a batch does not."""
    spec = specs.override(SPECS["rlhf-ppo"], {"training.batch_size": 64})
    small, large, twice = (
        Needed(specs.override(spec, change), shapes.of("demo:tiny"))
        for change in (
            {"training.mini_batch_size": 16},
            {"training.mini_batch_size": 32},
            {"training.mini_batch_size": 16, "training.batch_size": 128},
        )
    )
    assert measured_by(small)["training"]["mini_batch_size"] == 16
    assert digest(small, CPU) != digest(large, CPU)
    assert digest(small, CPU) == digest(twice, CPU)


def measured_by(needed: Needed) -> dict:
    return needed.as_json()["spec"]


def test_the_recipes_that_come_with_the_hub_are_known_without_asking(db):
    """Change a recipe or the probe: `python -m tests.bench.precompute_needs` makes them anew."""
    for needed in wanted():
        for device in (CPU, None):
            found = probes.request(needed, device)
            assert found.state == Probe.State.DONE, needed.spec
            assert found.result["peak_bytes"] > 0
    assert asked() == 0


def test_what_was_precomputed_is_what_a_worker_would_measure(db):
    smallest = Needed(smoke(SPECS["gpt2-125m"], None), None)
    assert probes.known(smallest, CPU).result == measure(smallest)
