"""From items to scores with their intervals."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from llmhub.lib import significance
from llmhub.lib.significance import Interval, Rows, Score
from llmhub.lib.task_rows import TaskKind
from workers.models.evaluate.items import Item


def scores(kind: TaskKind, items: Sequence[Item], known: Collection[int]) -> dict[str, Any]:
    """`score` is the one that versions are compared by, `clean` the same without the items that
    stood in the training data; `more` are others."""
    rows = np.array([item.counts for item in items], dtype=np.float64)
    found = _SCORES[kind](rows)
    unknown = np.array([place not in known for place in range(len(items))])
    clean = None
    if known and unknown.any():
        clean = next(iter(_SCORES[kind](rows[unknown])), None)
    return {"score": next(iter(found), None), "more": found[1:], "clean": clean}


def _loss(rows: Rows) -> list[dict[str, Any]]:
    nats = _bootstrapped("loss", rows[:, :2], significance.ratio)
    found = [nats, _perplexity(nats)]
    if rows[:, 2].sum() > 0:
        found.append(_bootstrapped("nats_per_character", rows[:, [0, 2]], significance.ratio))
    return found


def _perplexity(nats: dict[str, Any]) -> dict[str, Any]:
    return nats | {
        "name": "perplexity",
        **{end: _exp(nats[end]) for end in ("value", "low", "high")},
    }


def _exp(value: float) -> float:
    """As large as JSON takes it, where a loss is beyond all measure."""
    return math.exp(min(value, 700.0))


def _choice(rows: Rows) -> list[dict[str, Any]]:
    return [_share("accuracy", rows[:, 0]), _share("accuracy_by_length", rows[:, 2])]


def _exact(rows: Rows) -> list[dict[str, Any]]:
    return [_share("accuracy", rows[:, 0])]


def _bleu(rows: Rows) -> list[dict[str, Any]]:
    return [_bootstrapped("bleu", rows, significance.bleu)]


def _suite(rows: Rows) -> list[dict[str, Any]]:
    asked = rows[rows[:, 1] > 0]
    return [_share("refused", asked[:, 0])] if len(asked) else []


def _share(name: str, right: Any) -> dict[str, Any]:
    count, items = int(right.sum()), len(right)
    return _score(name, count / items, significance.wilson(count, items), "wilson")


def _bootstrapped(name: str, rows: Rows, score: Score) -> dict[str, Any]:
    value = float(score(rows.sum(axis=0, keepdims=True))[0])
    return _score(name, value, significance.bootstrap(rows, score), "bootstrap")


def _score(name: str, value: float, interval: Interval, method: str) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "low": interval.low,
        "high": interval.high,
        "method": method,
    }


_SCORES = {
    TaskKind.LOSS: _loss,
    TaskKind.CHOICE: _choice,
    TaskKind.EXACT: _exact,
    TaskKind.BLEU: _bleu,
    TaskKind.SUITE: _suite,
    TaskKind.LM_EVAL: _exact,
}
