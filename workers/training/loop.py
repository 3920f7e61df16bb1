"""The training loop: rate, forward, backward, clip, step, log; at each edge what else is due.

It knows neither text nor hub nor disk: batches come from a source, numbers go to a reporter,
checkpoints to whoever saves them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import torch
from torch import nn

from llmhub.lib import metric_names as names
from llmhub.recipes.specs import PretrainSpec
from workers.training.errors import NotANumber
from workers.training.evaluate import Evaluation, evaluate, perplexity
from workers.training.objectives import Batch, Objective
from workers.training.optimizer import set_learning_rate
from workers.training.progress import Progress
from workers.training.reporter import Reporter
from workers.training.schedule import learning_rate
from workers.training.want import Want


class Source(Protocol):
    """What there is to learn from; the data of a step depend on nothing but its number."""

    def micro_batches(self, step: int) -> Iterable[Batch]: ...

    def validation(self) -> Iterable[Batch]: ...

    @property
    def validation_characters(self) -> int: ...


@dataclass
class Trainer:
    spec: PretrainSpec
    model: nn.Module
    objective: Objective
    source: Source
    optimizer: torch.optim.Optimizer
    reporter: Reporter
    # Called with the validation loss of this very step, where it was measured and is a number.
    save: Callable[[float | None], None]
    progress: Progress
    device: torch.device

    _evaluation: Evaluation | None = None  # of the current step
    _saved_step: int | None = None
    # Since the last point: what the throughput is a mean over. Validation does not count.
    _tokens: int = 0
    _seconds: float = 0.0

    def train(self) -> Want:
        """Trains to the end of the spec (`RUN`), or as long as nothing else is wanted.

        The point of update n carries step n; that of a validation the number of updates before it.
        """
        self._saved_step = self.progress.step or None
        if self.progress.step == 0:
            self._evaluate()
        while self.progress.step < self._total_steps:
            want = self.reporter.want()
            if want is not Want.RUN:
                self._save()
                return want
            self._update()
            if self._is_due(self.spec.runtime.eval_every):
                self._evaluate()
            if self._is_due(self.spec.runtime.checkpoint_every):
                self._save()
        return Want.RUN

    @property
    def _total_steps(self) -> int:
        return self.spec.training.max_steps

    def _is_due(self, every: int) -> bool:
        return self.progress.step % every == 0 or self.progress.step == self._total_steps

    def _update(self) -> None:
        started = perf_counter()
        rate = learning_rate(self.spec.training, self.progress.step)
        set_learning_rate(self.optimizer, rate)
        loss, tokens = self._backward()
        norm = self._clip()
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self._fail(loss, norm, rate)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._advance(tokens, perf_counter() - started)
        self._report(loss, norm, rate)

    def _backward(self) -> tuple[float, int]:
        """(loss of this step in nats per token, its tokens); gradients are those of that mean."""
        batches = [self._to_device(b) for b in self.source.micro_batches(self.progress.step)]
        weight = sum(map(self.objective.weight, batches))
        loss = torch.zeros((), device=self.device)
        for batch in batches:
            with self._autocast():
                share = self.objective.loss(self.model, batch) / weight
            share.backward()
            loss += share.detach()
        return loss.item(), weight

    def _clip(self) -> float:
        """The gradient's norm before it is clipped."""
        largest = self.spec.training.grad_clip or math.inf
        return nn.utils.clip_grad_norm_(self.model.parameters(), largest).item()

    def _advance(self, tokens: int, seconds: float) -> None:
        self.progress.step += 1
        self.progress.tokens += tokens
        self.progress.seconds += seconds
        self._tokens += tokens
        self._seconds += seconds
        self._evaluation = None

    def _report(self, loss: float, norm: float, rate: float) -> None:
        throughput = self._tokens / self._seconds
        self.reporter.advance(self.progress, self._total_steps, loss, throughput)
        if self.progress.step != 1 and not self._is_due(self.spec.runtime.log_every):
            return
        values = _point(loss, norm, rate)
        values[names.TOKENS.name] = self.progress.tokens
        values[names.TOKENS_PER_SECOND.name] = throughput
        self.reporter.log(self.progress.step, values)
        self._tokens, self._seconds = 0, 0.0

    def _fail(self, loss: float, norm: float, rate: float) -> None:
        """The weights are still those of the step before; the curve shows what happened."""
        step = self.progress.step + 1
        self.reporter.log(step, _point(loss, norm, rate))
        raise NotANumber(
            f"Step {step}: the loss is {loss:g} and the gradient's norm {norm:g}. "
            "Lower the learning rate, lengthen the warm-up or clip the gradient harder."
        )

    def _evaluate(self) -> None:
        with self.reporter.busy(), self._autocast():
            self._evaluation = result = evaluate(
                self.model,
                self.objective,
                map(self._to_device, self.source.validation()),
                self.source.validation_characters,
            )
        self.reporter.log(self.progress.step, result.metrics())
        self.reporter.say(
            f"validation at step {self.progress.step:,}: loss {result.loss:.4f}  "
            f"perplexity {perplexity(result.loss):,.2f}  "
            f"{result.nats_per_character:.4f} nats per character"
        )

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


def _point(loss: float, norm: float, rate: float) -> dict[str, float]:
    return {
        names.TRAIN_LOSS.name: loss,
        names.TRAIN_PERPLEXITY.name: perplexity(loss),
        names.GRAD_NORM.name: norm,
        names.LEARNING_RATE.name: rate,
    }
