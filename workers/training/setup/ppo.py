"""A model that learns from the scores of what it writes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from peft import PeftModel
from torch import nn

from llmhub.lib.rows.kinds import Kind
from llmhub.recipes.specs import PPOSpec
from workers.data.tokens.token_files import Part
from workers.training import samples
from workers.training.data.batches import PromptStream
from workers.training.data.rows import Prompts
from workers.training.errors import BadConfig
from workers.training.models import load, lora
from workers.training.models.heads import PolicyValue, Scorer
from workers.training.objectives.ppo import PPO, AdaptiveKL
from workers.training.rollouts import Rollouts, Writer
from workers.training.setup import alignment
from workers.training.setup.context import Assembly, Context
from workers.training.want import Want


def assemble(context: Context[PPOSpec]) -> Assembly:
    spec = context.spec
    training = spec.training
    start = alignment.start(context)
    policy = alignment.base_model(context, start.folder)
    module = PolicyValue(policy)
    alignment.without_dropout(module)
    prompts = prompts_of(context, start)
    controller = AdaptiveKL(training.init_kl_coef, training.target_kl, training.kl_horizon)
    batches = Rollouts(
        training=training,
        total_steps=prompts.total_steps,
        prompts=prompts,
        write=writer(context, policy, start),
        policy=module,
        reference=reference_of(policy),
        scorer=reward_model(context, start),
        controller=controller,
        pad=start.pretrained.end_of_text,
        device=context.device,
        world=context.world,
        autocast=context.autocast,
    )
    return Assembly(
        start.trained(module, policy),
        PPO(training.cliprange, training.cliprange_value, training.vf_coef, training.temperature),
        batches,
        start.tokens,
        controllers={"kl": controller},
        asked=alignment.asked(start, policy),
        notes=prompts.notes(),
    )


def prompts_of(context: Context[PPOSpec], start: alignment.Start) -> PromptStream:
    longest = context.spec.training.max_prompt_length

    def rows(part: Part, kind: Kind) -> Prompts:
        return Prompts(part, longest, every=2 if kind is Kind.PREFERENCE else 1)

    return PromptStream(alignment.sources(context, start, rows), alignment.plan_of(context))


def reference_of(policy: Any) -> Callable[[], AbstractContextManager[nn.Module]]:
    """The policy with its adapters off, or a copy from before anything was learned."""
    if isinstance(policy, PeftModel):

        @contextmanager
        def bare() -> Iterator[nn.Module]:
            with lora.without_adapters(policy):
                yield policy

        return bare
    frozen = copy.deepcopy(policy).eval().requires_grad_(False)

    @contextmanager
    def kept() -> Iterator[nn.Module]:
        yield frozen

    return kept


def reward_model(context: Context[PPOSpec], start: alignment.Start) -> Scorer:
    folder = context.folder("model.reward_model")
    mine, its = (load.tokenizer_of(place).path for place in (start.folder, folder))
    if mine.read_bytes() != its.read_bytes():
        raise BadConfig(
            "The reward model reads with another tokenizer than the base model writes with: take "
            "a reward model that was trained from the same base."
        )
    scorer = load.scorer(folder, context.spec.runtime, "sdpa", context.device, is_trained=True)
    alignment.check_length(scorer.classifier, context.spec)
    return scorer.eval().requires_grad_(False)


def writer(context: Context[PPOSpec], policy: Any, start: alignment.Start) -> Writer:
    """In portions, since the keys and values of all answers at once may take too much memory."""
    training = context.spec.training

    def write(prompts: Sequence[Sequence[int]], seed: int) -> list[list[int]] | None:
        answers: list[list[int]] = []
        for first in range(0, len(prompts), training.mini_batch_size):
            written = samples.generate_answers(
                policy,
                [list(prompt) for prompt in prompts[first : first + training.mini_batch_size]],
                max_new_tokens=training.response_length,
                temperature=training.temperature,
                seed=(seed + first) % 2**63,
                stop=lambda: context.reporter.want() is not Want.RUN,
                ends=start.ends,
            )
            if written is None:
                return None
            answers += written
        return answers

    return write
