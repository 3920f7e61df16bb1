"""What a metric is called, said once for trainers, hub and pages.

A name is at most 200 characters of letters, digits and `_ - . /`; the part before the slash
groups curves on a page. Scripts may log names of their own beside these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from llmhub.lib.i18n import gettext_noop as _

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}\Z")


@dataclass(frozen=True)
class Metric:
    name: str
    title: str
    unit: str = ""
    # What it is and how to read it.
    help: str = ""
    # Measured on the validation data, with the title of what it is the twin of.
    is_twin: bool = False


TRAIN_LOSS = Metric(
    "train/loss",
    _("Training loss"),
    _("nats"),
    _("What training minimises, averaged over the tokens (or pairs) of a step."),
)
TRAIN_PERPLEXITY = Metric(
    "train/perplexity",
    _("Training perplexity"),
    "",
    _("Between how many tokens the model seems to hesitate: exp(loss)."),
)
TOKEN_ACCURACY = Metric(
    "train/token_accuracy",
    _("Token accuracy"),
    "",
    _("Share of the learned tokens that were also the likeliest."),
)
REWARD_ACCURACY = Metric(
    "train/accuracy",
    _("Accuracy"),
    "",
    _("Share of the pairs in which the preferred answer scores higher; a coin has 0.5."),
)
REWARD_MARGIN = Metric(
    "train/margin",
    _("Margin"),
    "",
    _("How much higher the preferred answer scores, on average."),
)
VAL_LOSS = Metric(
    "val/loss",
    _("Validation loss"),
    _("nats"),
    _("The loss on data that training never sees: when it rises, the model learns by heart."),
)
VAL_PERPLEXITY = Metric(
    "val/perplexity", _("Validation perplexity"), "", _("exp(validation loss).")
)
VAL_NATS_PER_CHAR = Metric(
    "val/nats_per_char",
    _("Validation nats per character"),
    _("nats"),
    _("Comparable between tokenizers, which the loss per token is not."),
)
LEARNING_RATE = Metric(
    "lr", _("Learning rate"), "", _("The size of the optimizer's steps, as the schedule sets it.")
)
GRAD_NORM = Metric(
    "grad_norm",
    _("Gradient norm"),
    "",
    _("Length of the whole gradient before it is clipped; spikes announce trouble."),
)
# The x-axis “tokens” of every curve.
TOKENS = Metric("tokens", _("Tokens seen"), _("tokens"), _("Since the first step."))
TOKENS_PER_SECOND = Metric(
    "tokens_per_second",
    _("Throughput"),
    _("tokens/s"),
    _("Of the steps since the last point, without validation and checkpoints."),
)
STEP_TIME = Metric("step_time", _("Time of a step"), _("s"), _("Mean since the last point."))
MFU = Metric(
    "mfu",
    _("Model FLOPs utilisation"),
    "",
    _("Share of the device's peak that the model's own operations reach."),
)
MEMORY_PEAK = Metric(
    "memory/peak",
    _("Peak memory"),
    _("bytes"),
    _("The most that one device, or on a processor one process, has held so far."),
)
REWARDS_CHOSEN = Metric(
    "rewards/chosen",
    _("Reward of the chosen"),
    "",
    _("Beta times how much likelier the preferred answer is than under the reference."),
)
REWARDS_REJECTED = Metric(
    "rewards/rejected",
    _("Reward of the rejected"),
    "",
    _("The same for the rejected answer; both may fall while the margin grows."),
)
REWARDS_MARGIN = Metric(
    "rewards/margin", _("Reward margin"), "", _("Reward of the chosen less that of the rejected.")
)
REWARDS_ACCURACY = Metric(
    "rewards/accuracy",
    _("Preference accuracy"),
    "",
    _("Share of the pairs with a margin above zero; a coin has 0.5."),
)
LOGPS_CHOSEN = Metric(
    "logps/chosen",
    _("Log-probability of the chosen"),
    _("nats"),
    _("Of the whole preferred answer under the model."),
)
LOGPS_REJECTED = Metric(
    "logps/rejected",
    _("Log-probability of the rejected"),
    _("nats"),
    _("Of the whole rejected answer under the model."),
)
PPO_REWARD = Metric(
    "ppo/reward", _("Reward"), "", _("Mean score of the answers of a step, without the penalty.")
)
PPO_REWARD_SPREAD = Metric(
    "ppo/reward_std",
    _("Spread of the reward"),
    "",
    _("Standard deviation of the scores of a step."),
)
PPO_KL = Metric(
    "ppo/kl",
    _("KL to the reference"),
    _("nats"),
    _("How far the answers have moved from the first model: summed over an answer, averaged."),
)
PPO_KL_COEF = Metric(
    "ppo/kl_coef",
    _("KL coefficient"),
    "",
    _("Weight of the penalty; the controller moves it towards the target KL."),
)
PPO_POLICY_LOSS = Metric("ppo/policy_loss", _("Policy loss"), "", _("Clipped, per token."))
PPO_VALUE_LOSS = Metric(
    "ppo/value_loss", _("Value loss"), "", _("Clipped, per token, before its weight.")
)
PPO_CLIP_FRACTION = Metric(
    "ppo/clip_fraction",
    _("Clip fraction"),
    "",
    _("Share of the tokens whose probability moved by more than the clip range."),
)
PPO_APPROX_KL = Metric(
    "ppo/approx_kl",
    _("KL of the update"),
    _("nats"),
    _("How far the updates of a step move from the model that wrote the answers, per token."),
)
PPO_ENTROPY = Metric(
    "ppo/entropy",
    _("Entropy"),
    _("nats"),
    _("How undecided the model is at a token; near zero it always writes the same."),
)
PPO_EXPLAINED_VARIANCE = Metric(
    "ppo/explained_variance",
    _("Explained variance"),
    "",
    _("1: the value head foresaw the returns; 0 or less: it helps nothing."),
)
PPO_RESPONSE_LENGTH = Metric(
    "ppo/response_length", _("Length of the answers"), _("tokens"), _("Mean of a step.")
)

# One for each source, by its name behind the slash.
DATA_SHARE = Metric(
    "data/share",
    _("Share of the source"),
    "",
    _("Of the tokens so far; the mix says what it should be."),
)
_NOT_OF_NAMES = re.compile(r"[^A-Za-z0-9_.-]")

# Those that a validation measures besides its loss.
_ALSO_VALIDATED = (
    TOKEN_ACCURACY,
    REWARD_ACCURACY,
    REWARD_MARGIN,
    REWARDS_CHOSEN,
    REWARDS_REJECTED,
    REWARDS_MARGIN,
    REWARDS_ACCURACY,
    LOGPS_CHOSEN,
    LOGPS_REJECTED,
)


def val(name: str) -> str:
    """The same of the validation data."""
    return f"val/{name.removeprefix('train/')}"


def data_share(source: str) -> str:
    """Which share of the tokens so far came from a source."""
    return f"{DATA_SHARE.name}/" + _NOT_OF_NAMES.sub("-", source)[:150]


KNOWN = {
    metric.name: metric
    for metric in (
        TRAIN_LOSS,
        VAL_LOSS,
        TRAIN_PERPLEXITY,
        VAL_PERPLEXITY,
        VAL_NATS_PER_CHAR,
        *_ALSO_VALIDATED,
        *(replace(metric, name=val(metric.name), is_twin=True) for metric in _ALSO_VALIDATED),
        PPO_REWARD,
        PPO_REWARD_SPREAD,
        PPO_KL,
        PPO_KL_COEF,
        PPO_POLICY_LOSS,
        PPO_VALUE_LOSS,
        PPO_CLIP_FRACTION,
        PPO_APPROX_KL,
        PPO_ENTROPY,
        PPO_EXPLAINED_VARIANCE,
        PPO_RESPONSE_LENGTH,
        LEARNING_RATE,
        GRAD_NORM,
        TOKENS_PER_SECOND,
        STEP_TIME,
        MFU,
        MEMORY_PEAK,
        TOKENS,
    )
}


def is_valid(name: object) -> bool:
    return isinstance(name, str) and NAME.match(name) is not None
