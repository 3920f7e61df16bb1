from datetime import timedelta

import pytest
from django.utils import timezone

from llmhub.recipes import specs
from llmhub.recipes.content import load
from llmhub.runs import probes
from llmhub.runs.models import Dispatch, Probe
from tests.accounts.racing import at_once

GPT2 = next(content.spec for content in load() if content.slug == "gpt2-125m")


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
    first = probes.request(GPT2)
    assert probes.request(specs.override(GPT2, change)) == first
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
    assert probes.request(GPT2) != probes.request(specs.override(GPT2, change))


def test_a_done_probe_is_not_asked_again(db):
    probe = probes.request(GPT2)
    probes.finish(probe.pk, {"peak_bytes": 5})
    Probe.objects.update(requested_at=timezone.now() - timedelta(days=1))
    assert probes.request(GPT2).result == {"peak_bytes": 5}
    assert asked() == 1


def test_a_probe_that_failed_or_was_forgotten_is_asked_again_after_a_while(db):
    probe = probes.request(GPT2)
    probes.finish(probe.pk, error="killed")
    assert probes.request(GPT2).state == Probe.State.FAILED
    assert asked() == 1
    Probe.objects.update(requested_at=timezone.now() - timedelta(minutes=2))
    assert probes.request(GPT2).state == Probe.State.PENDING
    assert asked() == 2


@pytest.mark.django_db(transaction=True)
def test_pages_that_ask_at_once_ask_once():
    first, second = at_once(lambda: probes.request(GPT2), lambda: probes.request(GPT2))
    assert first == second
    assert asked() == 1
