from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from llmhub.lib import manifest
from llmhub.lib import metric_names as names
from tests.training import small
from tests.training.small import Place, Recorder
from workers.training.errors import NotANumber
from workers.training.loop import Trainer
from workers.training.objectives import Loss
from workers.training.objectives.pretrain import Pretrain
from workers.training.schedule import learning_rate
from workers.training.want import Want


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_model_learns(architecture: str, place: Place):
    recorder = place.train(small.spec(architecture, training__max_steps=60, runtime__eval_every=30))

    validation = recorder.series(names.VAL_LOSS.name)
    assert validation[60] < validation[30] < validation[0] - 0.5


def test_every_step_is_a_point_and_validation_starts_before_the_first(place: Place):
    recorder = place.train(small.spec(training__max_steps=5, runtime__eval_every=2))

    assert list(recorder.series(names.TRAIN_LOSS.name)) == [1, 2, 3, 4, 5]
    assert list(recorder.series(names.VAL_LOSS.name)) == [0, 2, 4, 5]
    assert recorder.step == 5


def test_the_first_and_the_last_step_are_logged_whatever_the_interval(place: Place):
    recorder = place.train(small.spec(training__max_steps=7, runtime__log_every=3))

    assert list(recorder.series(names.TRAIN_LOSS.name)) == [1, 3, 6, 7]


def test_a_point_carries_what_belongs_to_its_step(place: Place):
    """8 sequences of 16 tokens a step."""
    spec = small.spec(training__warmup_steps=4)
    recorder = place.train(spec)

    step, values = next((s, v) for s, v in recorder.points if names.TRAIN_LOSS.name in v and s == 3)
    assert values[names.LEARNING_RATE.name] == learning_rate(spec.training, step - 1, 6)
    assert values[names.TOKENS.name] == 3 * 8 * 16
    assert values[names.TRAIN_PERPLEXITY.name] == math.exp(values[names.TRAIN_LOSS.name])
    assert values[names.TOKENS_PER_SECOND.name] > 0


def test_accumulation_is_one_batch_in_parts(place: Place, another_place: Place):
    """The same eight sequences at once or two at a time: the same loss and the same gradient."""
    changes: dict[str, Any] = {"model__dropout": 0.0, "training__max_steps": 1}
    whole = place.train(small.spec(training__micro_batch_size=8, **changes))
    parts = another_place.train(small.spec(training__micro_batch_size=2, **changes))

    for name in (names.TRAIN_LOSS.name, names.GRAD_NORM.name):
        assert parts.series(name)[1] == pytest.approx(whole.series(name)[1], rel=1e-5)


def test_the_gradients_norm_is_that_before_clipping(place: Place):
    spec = small.spec(training__grad_clip=1e-3, training__max_steps=1)
    recorder = place.train(spec)

    assert recorder.series(names.GRAD_NORM.name)[1] > 0.1


def test_bf16_computes_in_16_bits_and_keeps_weights_in_32(place: Place):
    trainer = place.trainer(small.spec(runtime__precision="bf16"), recorder := Recorder())
    trainer.train()

    assert {p.dtype for p in trainer.model.parameters()} == {torch.float32}
    assert math.isfinite(recorder.series(names.VAL_LOSS.name)[6])


@pytest.mark.parametrize("want", [Want.STOP, Want.PAUSE, Want.TERMINATE])
def test_it_leaves_at_the_steps_edge_with_a_checkpoint(want: Want, place: Place):
    trainer = place.trainer(small.spec(), recorder := Recorder(leave_at=2, leaving=want))

    assert trainer.train() is want
    assert list(manifest.steps(place.checkpoints)) == [2]
    assert list(recorder.series(names.TRAIN_LOSS.name)) == [1, 2]


def test_it_leaves_even_before_the_first_step(place: Place):
    trainer = place.trainer(small.spec(), Recorder(leave_at=0))

    assert trainer.train() is Want.STOP
    assert list(manifest.steps(place.checkpoints)) == [0]


def test_a_loss_that_is_no_number_is_shown_and_ends_the_training(place: Place):
    trainer = place.trainer(small.spec(), recorder := Recorder(leave_at=2))
    trainer.train()
    recorder.leave_at = None
    with torch.no_grad():
        next(trainer.model.parameters())[:] = math.inf

    with pytest.raises(NotANumber, match=r"Steps 3 to 5: the loss is nan .* Lower the learning"):
        trainer.train()

    losses = recorder.series(names.TRAIN_LOSS.name)
    assert [math.isnan(losses[step]) for step in (2, 3, 4, 5)] == [False, True, True, True]
    assert max(manifest.steps(place.checkpoints)) <= 3


def test_a_step_without_a_number_changes_nothing_and_the_next_one_goes_on(place: Place):
    """Its loss is shown; a run that finds its way back is not ended."""
    spec = small.spec(runtime__not_finite_steps=2)
    trainer = place.trainer(spec, recorder := Recorder())
    loss, seen = trainer.objective.loss, []

    class Broken(Pretrain):
        def loss(self, model, batch):
            found = loss(model, batch)
            if trainer.progress.step == 2 and model.training:
                seen.append([p.clone() for p in model.parameters()])
                return Loss(found.total * math.nan)
            if trainer.progress.step == 3 and model.training:
                seen.append([p.clone() for p in model.parameters()])
            return found

    trainer.objective = Broken()
    assert trainer.train() is Want.RUN

    losses = recorder.series(names.TRAIN_LOSS.name)
    assert [step for step, value in losses.items() if math.isnan(value)] == [3]
    before, after = seen[0], seen[-1]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))


def test_a_gradient_that_is_no_number_counts_as_none(place: Place):
    """Though the loss is one: the slope of a root at 0."""
    trainer = place.trainer(small.spec(), recorder := Recorder(leave_at=2))
    trainer.train()
    recorder.leave_at = None
    before = state_of(trainer)

    class Steep(Pretrain):
        def loss(self, model, batch):
            found = super().loss(model, batch)
            nothing = next(model.parameters()).sum() * 0
            return Loss(found.total + nothing.square().sqrt(), found.sums)

    trainer.objective = Steep()
    with pytest.raises(NotANumber, match=r"Steps 3 to 5: the loss is \d\S+ and .* norm nan"):
        trainer.train()

    after = state_of(trainer)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(math.isfinite(recorder.series(names.TRAIN_LOSS.name)[step]) for step in (3, 4, 5))


def state_of(trainer: Trainer) -> dict[str, torch.Tensor]:
    """Weights and moments, by name."""
    state = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    for index, moments in trainer.optimizer.state_dict()["state"].items():
        state |= {f"{name} {index}": value.clone() for name, value in moments.items()}
    return state


def test_steps_without_a_number_end_a_run_only_in_a_row(place: Place):
    """Every second step of ten, where three in a row would end it."""
    spec = small.spec(training__max_steps=10, runtime__not_finite_steps=3)
    trainer = place.trainer(spec, recorder := Recorder())

    class EverySecond(Pretrain):
        def loss(self, model, batch):
            found = super().loss(model, batch)
            broken = model.training and trainer.progress.step % 2
            return Loss(found.total * (math.nan if broken else 1))

    trainer.objective = EverySecond()

    assert trainer.train() is Want.RUN
    losses = recorder.series(names.TRAIN_LOSS.name)
    assert [step for step, loss in losses.items() if math.isnan(loss)] == [2, 4, 6, 8, 10]
