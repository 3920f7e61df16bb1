"""What a metric is called, said once for trainers, hub and pages.

A name is at most 200 characters of letters, digits and `_ - . /`; the part before the slash
groups curves on a page. Scripts may log names of their own beside these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from llmhub.lib.i18n import gettext_noop as _

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}\Z")


@dataclass(frozen=True)
class Metric:
    name: str
    title: str
    unit: str = ""


TRAIN_LOSS = Metric("train/loss", _("Training loss"), _("nats per token"))
TRAIN_PERPLEXITY = Metric("train/perplexity", _("Training perplexity"))
VAL_LOSS = Metric("val/loss", _("Validation loss"), _("nats per token"))
VAL_PERPLEXITY = Metric("val/perplexity", _("Validation perplexity"))
# Comparable between tokenizers, which the loss per token is not.
VAL_NATS_PER_CHAR = Metric("val/nats_per_char", _("Validation nats per character"), _("nats"))
LEARNING_RATE = Metric("train/learning_rate", _("Learning rate"))
GRAD_NORM = Metric("train/grad_norm", _("Gradient norm"))
TOKENS_PER_SECOND = Metric("train/tokens_per_second", _("Throughput"), _("tokens/s"))
# Tokens seen since the first step; the x-axis “tokens” of every curve.
TOKENS = Metric("train/tokens", _("Tokens seen"), _("tokens"))

KNOWN = {
    metric.name: metric
    for metric in (
        TRAIN_LOSS,
        VAL_LOSS,
        TRAIN_PERPLEXITY,
        VAL_PERPLEXITY,
        VAL_NATS_PER_CHAR,
        LEARNING_RATE,
        GRAD_NORM,
        TOKENS_PER_SECOND,
        TOKENS,
    )
}


def is_valid(name: object) -> bool:
    return isinstance(name, str) and NAME.match(name) is not None
