"""PPO's data: what the model itself writes, scored by a reward model and by its distance to the
model that it was.

A step draws prompts, lets the policy answer them, and gives the answers back in mini-batches, for
`ppo_epochs` passes. The answers of a step depend on the weights, the seed and the step alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from llmhub.lib import metric_names as names
from llmhub.recipes.specs import PPOTraining
from workers.training.evaluate import evaluating
from workers.training.loop import Interrupted
from workers.training.models.heads import PolicyValue, Scorer
from workers.training.objectives import Batch, ppo
from workers.training.objectives.logps import token_logps
from workers.training.world import World

_SEEDS = 2**63


class Reference(Protocol):
    """The model that the policy was, as a causal language model."""

    def __call__(self) -> AbstractContextManager[nn.Module]: ...


class Writer(Protocol):
    def __call__(self, prompts: Sequence[Sequence[int]], seed: int) -> list[list[int]] | None:
        """An answer to each prompt; None where something else is wanted meanwhile."""
        ...


class Drawn(Protocol):
    """The prompts of a step, for this process."""

    def batch(self, step: int, world: World) -> list[NDArray[Any]]: ...

    def measured(self) -> dict[str, float]: ...


@dataclass
class Rollouts:
    training: PPOTraining
    total_steps: int
    prompts: Drawn
    write: Writer
    policy: PolicyValue
    reference: Reference
    scorer: Scorer
    controller: ppo.AdaptiveKL
    pad: int  # any token: what is behind an answer is masked
    device: torch.device
    world: World
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext

    _measured: dict[str, float] = field(default_factory=dict)

    @property
    def validation_characters(self) -> int:
        return 0

    def validation(self) -> Iterable[Batch]:
        """Nothing: the rewards of a step are those of answers that nothing was learned from yet."""
        return ()

    def measured(self) -> dict[str, float]:
        return self._measured | self.prompts.measured()

    def updates(self, step: int) -> Iterator[list[Batch]]:
        rollout = self._together(self._rollout(step))
        self._measured = self._finish(rollout)
        generator = np.random.default_rng([self.training.seed, step])
        for _ in range(self.training.ppo_epochs):
            order = generator.permutation(len(rollout["tokens"]))
            for rows in np.split(order, len(order) // self.training.mini_batch_size):
                yield self._micro_batches(rollout, rows)
        self.controller.update(self._measured[names.PPO_KL.name], len(rollout["tokens"]))

    def _micro_batches(self, rollout: Batch, rows: NDArray[Any]) -> list[Batch]:
        """This process's share of a mini-batch."""
        cuts = np.split(rows, len(rows) // self.training.micro_batch_size)
        return [
            _trimmed({name: values[torch.from_numpy(cut)] for name, values in rollout.items()})
            for cut in cuts[self.world.rank :: self.world.size]
        ]

    def _rollout(self, step: int) -> Batch:
        """The answers of this process: token by token what they were worth when written."""
        prompts = self.prompts.batch(step, self.world)
        seed = int(
            np.random.default_rng([self.training.seed, step, self.world.rank]).integers(_SEEDS)
        )
        answers = self.write([prompt.tolist() for prompt in prompts], seed)
        # All processes leave the step together.
        if any(self.world.gather(answers is None)) or answers is None:
            raise Interrupted
        tokens, answer_mask, lengths = _padded(prompts, answers, self.pad)
        with torch.no_grad(), evaluating(self.policy, self.scorer):
            parts = [
                self._looked_at(*cut)
                for cut in zip(
                    *(
                        part.split(self.training.micro_batch_size)
                        for part in (tokens, answer_mask, lengths)
                    ),
                    strict=True,
                )
            ]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _looked_at(self, tokens: Tensor, answer_mask: Tensor, lengths: Tensor) -> Batch:
        inputs = tokens.to(self.device)
        with self.autocast():
            logits, values = self.policy(inputs)
            logps = token_logps(logits, inputs, self.training.temperature)
            with self.reference() as reference:
                old = reference(input_ids=inputs, use_cache=False).logits
            reference_logps = token_logps(old, inputs, self.training.temperature)
            scores = self.scorer(inputs)
        last = (lengths - 1).to(self.device).unsqueeze(1)
        mask = answer_mask.to(self.device)
        found = {
            "old_logps": logps * mask,
            "reference_logps": reference_logps * mask,
            "old_values": ppo.of_token(values) * mask,
            "scores": scores.gather(1, last).squeeze(1),
        }
        on_cpu = {name: value.float().cpu() for name, value in found.items()}
        return {"tokens": tokens, "answer_mask": answer_mask, "lengths": lengths, **on_cpu}

    def _together(self, mine: Batch) -> Batch:
        """The answers of all processes, by rank; each then takes its micro-batches of the whole."""
        parts = self.world.gather(mine)
        longest = max(part["tokens"].shape[1] for part in parts)
        return {
            name: torch.cat(
                [
                    _widened(part[name], longest, self.pad if name == "tokens" else 0)
                    for part in parts
                ]
            )
            for name in mine
        }

    def _finish(self, rollout: Batch) -> dict[str, float]:
        """Adds advantages and returns; gives what the step's curve shows."""
        mask, coefficient = rollout["answer_mask"], self.controller.coefficient
        kl = ppo.kl_per_token(rollout["old_logps"], rollout.pop("reference_logps"), mask)
        scores = rollout.pop("scores")
        rewards = ppo.token_rewards(kl, scores, mask, coefficient)
        training = self.training
        advantages, returns = ppo.advantages(
            rewards, rollout["old_values"], mask, training.gamma, training.lam
        )
        rollout["advantages"] = ppo.whiten(advantages, mask)
        rollout["returns"] = returns
        return {
            names.PPO_REWARD.name: scores.mean().item(),
            names.PPO_REWARD_SPREAD.name: scores.std(unbiased=False).item(),
            names.PPO_KL.name: kl.sum(1).mean().item(),
            names.PPO_KL_COEF.name: coefficient,
            names.PPO_EXPLAINED_VARIANCE.name: float(
                ppo.explained_variance(rollout["old_values"], returns, mask)
            ),
            names.PPO_RESPONSE_LENGTH.name: mask.sum(1).float().mean().item(),
        }


def _padded(
    prompts: Sequence[NDArray[Any]], answers: Sequence[Sequence[int]], pad: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Prompts with their answers: tokens [rows, longest], where the answer is, lengths [rows]."""
    lengths = torch.tensor(
        [len(prompt) + len(answer) for prompt, answer in zip(prompts, answers, strict=True)]
    )
    tokens = torch.full((len(prompts), int(lengths.max())), pad, dtype=torch.int64)
    mask = torch.zeros_like(tokens, dtype=torch.bool)
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        start, end = len(prompt), len(prompt) + len(answer)
        tokens[row, :start] = torch.from_numpy(np.asarray(prompt, dtype=np.int64))
        tokens[row, start:end] = torch.tensor(answer, dtype=torch.int64)
        mask[row, start:end] = True
    return tokens, mask, lengths


def _trimmed(batch: Batch) -> Batch:
    """Without columns that are padding in all rows."""
    longest = int(batch["lengths"].max())
    return {
        name: value[:, :longest] if value.dim() == 2 else value for name, value in batch.items()
    }


def _widened(values: Tensor, longest: int, filler: int) -> Tensor:
    if values.dim() < 2:
        return values
    return nn.functional.pad(values, (0, longest - values.shape[1]), value=filler)
