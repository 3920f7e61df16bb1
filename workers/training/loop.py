"""The training loop: rate, forward, backward, clip, step, log; at each edge what else is due.

It knows neither text nor hub nor disk: batches come from elsewhere, numbers go to a reporter,
checkpoints to whoever saves them, and an objective says what is minimised.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

import torch
from torch import nn

from llmhub.lib import metric_names as names
from llmhub.recipes.specs import Spec
from workers.training.errors import NotANumber
from workers.training.evaluate import Evaluation, evaluate, perplexity
from workers.training.objectives import Batch, Objective
from workers.training.optimizer import set_learning_rate
from workers.training.parallel import Parallel, clip
from workers.training.progress import Progress
from workers.training.reporter import Reporter
from workers.training.schedule import learning_rate
from workers.training.want import Want


class Interrupted(Exception):
    """Something else is wanted in the middle of a step, before it has changed anything."""


class Batches(Protocol):
    """What there is to learn from. The data of a step depend on nothing but its number."""

    @property
    def total_steps(self) -> int: ...

    def updates(self, step: int) -> Iterable[list[Batch]]:
        """The optimizer updates of a step (from 0): for each, the micro-batches of this process."""
        ...

    def validation(self) -> Iterable[Batch]:
        """Of this process."""
        ...

    @property
    def validation_characters(self) -> int:
        """Characters of the tokens that `validation` predicts on all processes; 0: not known."""
        ...

    def measured(self) -> dict[str, float]:
        """What the last step has measured beside the loss, by the metric's name."""
        ...


@dataclass
class Tally:
    """Sums of one optimizer update over all micro-batches and processes."""

    loss: float
    weight: int
    tokens: int
    means: dict[str, float]
    norm: float = math.nan

    @property
    def is_finite(self) -> bool:
        return math.isfinite(self.loss) and math.isfinite(self.norm)


@dataclass
class Trainer:
    spec: Spec
    model: nn.Module
    objective: Objective
    batches: Batches
    optimizer: torch.optim.Optimizer
    reporter: Reporter
    # Called with the validation loss of this very step, where it was measured and is a number.
    save: Callable[[float | None], None]
    progress: Progress
    device: torch.device
    parallel: Parallel
    # What else is known of a step, from its tokens and seconds: utilisation, memory.
    gauges: Callable[[float], Mapping[str, float]] = field(default=lambda rate: {})
    # Called at the step's edge where samples are due.
    sample: Callable[[int], None] | None = None

    _evaluation: Evaluation | None = None  # of the current step
    _saved_step: int | None = None
    # Since the last point: what the throughput is a mean over. Validation does not count.
    _tokens: int = 0
    _seconds: float = 0.0
    _steps: int = 0

    def train(self) -> Want:
        """Trains to the end of the spec (`RUN`), or as long as nothing else is wanted.

        The point of step n carries n; that of a validation the number of steps before it.
        """
        self._saved_step = self.progress.step or None
        if self.progress.step == 0:
            self._evaluate()
            self._sample()
        while self.progress.step < self.batches.total_steps:
            want = self.wanted()
            if want is Want.RUN:
                want = self._step()
            if want is not Want.RUN:
                self._save()
                return want
            self._look_around()
        return Want.RUN

    def wanted(self) -> Want:
        """The same on all processes, so that they leave at the same step."""
        return self.parallel.world.told(self.reporter.want())

    def _look_around(self) -> None:
        runtime = self.spec.runtime
        if self._is_due(runtime.eval_every):
            self._evaluate()
        if self._is_due(self.spec.samples.every):
            self._sample()
        if self._is_due(runtime.checkpoint_every):
            self._save()

    def _is_due(self, every: int) -> bool:
        if every == 0:
            return False
        return self.progress.step % every == 0 or self.progress.step == self.batches.total_steps

    def _step(self) -> Want:
        """One step with all its updates; what is wanted instead where that cut it short."""
        started = perf_counter()
        rate = learning_rate(self.spec.training, self.progress.step, self.batches.total_steps)
        set_learning_rate(self.optimizer, rate)
        try:
            tallies = [
                self._update(batches) for batches in self.batches.updates(self.progress.step)
            ]
        except Interrupted:
            return self.wanted()
        self._advance(tallies, perf_counter() - started)
        self._report(tallies, rate)
        return Want.RUN

    def _update(self, batches: list[Batch]) -> Tally:
        """A step without a finite loss or gradient changes nothing; the curve shows it."""
        tally = self._backward(batches)
        tally.norm = clip(self._parameters(), self.spec.training.grad_clip or math.inf)
        if tally.is_finite:
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return tally

    def _parameters(self) -> list[nn.Parameter]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def _backward(self, batches: list[Batch]) -> Tally:
        """Gradients are those of the mean over all micro-batches of all processes."""
        world = self.parallel.world
        batches = [self._to_device(batch) for batch in batches]
        weight = world.sum_number(sum(map(self.objective.weight, batches)))
        sums: dict[str, torch.Tensor] = {}
        for i, batch in enumerate(batches):
            with self.parallel.accumulating(self.model, is_last=i == len(batches) - 1):
                with self._autocast():
                    loss = self.objective.loss(self.model, batch)
                # Between processes gradients are averaged: the size turns that into a sum.
                (loss.total * (world.size / max(weight, 1))).backward()
            for name, value in ({"": loss.total.detach()} | loss.sums).items():
                sums[name] = sums[name] + value if name in sums else value
        totals = world.sum(torch.stack([value.double() for value in sums.values()]))
        loss_mean, *means = (totals / max(weight, 1)).tolist()
        return Tally(
            loss=loss_mean,
            weight=weight,
            tokens=world.sum_number(sum(map(self.objective.tokens, batches))),
            means=dict(zip([name for name in sums if name], means, strict=True)),
        )

    def _advance(self, tallies: list[Tally], seconds: float) -> None:
        tokens = sum(tally.tokens for tally in tallies)
        self.progress.step += 1
        self.progress.tokens += tokens
        self.progress.seconds += seconds
        is_finite = all(tally.is_finite for tally in tallies)
        self.progress.not_finite = 0 if is_finite else self.progress.not_finite + 1
        self._tokens += tokens
        self._seconds += seconds
        self._steps += 1
        self._evaluation = None

    def _report(self, tallies: list[Tally], rate: float) -> None:
        throughput = self._tokens / self._seconds
        loss = _mean([tally.loss for tally in tallies])
        gives_up = self.progress.not_finite >= self.spec.runtime.not_finite_steps
        self.reporter.advance(self.progress, self.batches.total_steps, loss, throughput)
        first = self.progress.step == 1
        if first or self.progress.not_finite or self._is_due(self.spec.runtime.log_every):
            self.reporter.log(self.progress.step, self._point(tallies, loss, rate, throughput))
            self._tokens, self._seconds, self._steps = 0, 0.0, 0
        if gives_up:
            self._fail(loss, tallies[-1].norm)

    def _point(
        self, tallies: list[Tally], loss: float, rate: float, throughput: float
    ) -> dict[str, float]:
        values = {names.TRAIN_LOSS.name: loss}
        if self.objective.is_likelihood:
            values[names.TRAIN_PERPLEXITY.name] = perplexity(loss)
        for name in tallies[0].means:
            values[name] = _mean([tally.means[name] for tally in tallies])
        return values | {
            names.GRAD_NORM.name: _mean([tally.norm for tally in tallies]),
            names.LEARNING_RATE.name: rate,
            **self.batches.measured(),
            names.TOKENS.name: self.progress.tokens,
            names.TOKENS_PER_SECOND.name: throughput,
            names.STEP_TIME.name: self._seconds / self._steps,
            **self.gauges(throughput),
        }

    def _fail(self, loss: float, norm: float) -> None:
        """The weights are still those of the last step that had a number."""
        last = self.progress.step
        first = last - self.progress.not_finite + 1
        raise NotANumber(
            f"Steps {first} to {last}: the loss is {loss:g} and the gradient's norm {norm:g}. "
            "Lower the learning rate, lengthen the warm-up, clip the gradient harder or compute "
            f"in fp32; a fork from a checkpoint before step {first} saves the steps until then."
        )

    def _evaluate(self) -> None:
        with self.reporter.busy(), self._autocast():
            self._evaluation = result = evaluate(
                self.model,
                self.objective,
                self.batches.validation(),
                self.batches.validation_characters,
                self.parallel.world,
            )
        if result is not None:
            self.reporter.log(self.progress.step, result.metrics())
            self.reporter.say(f"validation at step {self.progress.step:,}: {result.line()}")

    def _sample(self) -> None:
        if self.sample is not None and self.spec.samples.every:
            with self.reporter.busy():
                self.sample(self.progress.step)

    def _save(self) -> None:
        if self._saved_step == self.progress.step:
            return
        loss = self._evaluation.loss if self._evaluation else math.nan
        with self.reporter.busy():
            self.save(loss if math.isfinite(loss) else None)
        self._saved_step = self.progress.step

    def _autocast(self) -> torch.autocast:
        """Matrix products in 16 bits where the spec says so; the weights stay in 32."""
        enabled = self.spec.runtime.precision == "bf16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def _to_device(self, batch: Batch) -> Batch:
        return {name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.items()}


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)
