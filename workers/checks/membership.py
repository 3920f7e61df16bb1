"""Whether a model's loss tells what it was trained on: `python -m workers.checks.membership
<folder>`.

Rows that it was trained on against rows of the same data that were held out, as its training
divided them. An AUC of 0.5 is a coin, 1 tells every row.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llmhub.lib.problems import Problem
from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rows.template import Segment
from workers.data.progress import Progress
from workers.data.reading.source import Source
from workers.data.tokens.sequences import PARTS, TRAINING, VALIDATION, Sequences
from workers.models.verified import verify
from workers.work import Work, run

# Of each side; drawn evenly from all there are.
MOST_ROWS = 500
RESAMPLES = 2_000
SEED = 1
# Of a passage of a text for each token that fits into the model.
CHARACTERS_PER_TOKEN = 4

Losses = NDArray[np.float64]
# One row as a training reads it, or a passage of a text.
Row = list[Segment]


def measured(values: dict[str, Any], progress: Progress) -> dict[str, Any]:
    version = values["version"]
    verify(Path(version["folder"]), version["files"])
    from workers.models.evaluate.subject import Subject
    from workers.training.errors import TrainingError

    progress("loading", 0, 1)
    try:
        subject = Subject.of(version)
    except TrainingError as error:
        raise Problem("bad_model", detail=str(error)) from error
    progress("drawing", 0, 1)
    rows = drawn(subject, values)
    losses = {}
    for place, part in enumerate(PARTS):
        progress("scoring", place, len(PARTS))
        losses[part] = losses_of(subject, rows[part])
    return figures(losses[TRAINING], losses[VALIDATION])


def drawn(subject: Any, values: dict[str, Any]) -> dict[str, list[Row]]:
    """Rows of each part, each of them as likely as any other."""
    draw = random.Random(SEED)  # noqa: S311 - nothing is kept secret by it
    kept: dict[str, list[Row]] = {part: [] for part in PARTS}
    seen = dict.fromkeys(PARTS, 0)
    for one in values["data"]:
        source = Source.parse(one["source"])
        source.verify()
        for part, row in rows_of(subject, source, values["share"]):
            seen[part] += 1
            if len(kept[part]) < MOST_ROWS:
                kept[part].append(row)
            elif (place := draw.randrange(seen[part])) < MOST_ROWS:
                kept[part][place] = row
    return kept


def rows_of(subject: Any, source: Source, share: float) -> Iterator[tuple[str, Row]]:
    divided = Sequences.of(source, share, subject.template, lambda done: None)
    stretches = divided.stretches(lambda done: None)
    if source.reading.kind is Kind.TEXT:
        for stretch in stretches:
            for passage in passages(stretch.segment, subject.context):
                yield stretch.part, [passage]
        return
    row: Row = []
    part = ""
    for stretch in stretches:
        if stretch.begins and row:
            yield part, row
            row = []
        part = stretch.part
        row.append(stretch.segment)
    if row:
        yield part, row


def passages(segment: Segment, context: int) -> Iterator[Segment]:
    """Of what the model reads at once, about."""
    if segment.special:
        return
    size = context * CHARACTERS_PER_TOKEN
    for start in range(0, len(segment.text), size):
        yield Segment(segment.text[start : start + size], loss=segment.loss)


def losses_of(subject: Any, rows: list[Row]) -> Losses:
    """Of each row, the mean over what was learned of it; rows without any are left out."""
    from workers.models.evaluate.likelihood import logps

    encoded = [one for row in rows if any(counted(one := encode(subject, row)))]
    values = logps(subject, [tokens for tokens, _ in encoded], lambda done: None)
    found = [
        -float(of_row[np.array(counted(one))].mean())
        for one, of_row in zip(encoded, values, strict=True)
    ]
    return np.array(found, dtype=np.float64)


def encode(subject: Any, row: Row) -> tuple[list[int], list[bool]]:
    tokens: list[int] = []
    mask: list[bool] = []
    for segment in row:
        ids = subject.ids([segment])
        tokens += ids
        mask += [segment.loss] * len(ids)
    return tokens[: subject.context], mask[: subject.context]


def counted(row: tuple[list[int], list[bool]]) -> list[bool]:
    """The first token is predicted from nothing."""
    return [False, *row[1][1:]]


def figures(trained: Losses, held_out: Losses) -> dict[str, Any]:
    counts = {"trained": len(trained), "held_out": len(held_out)}
    if not len(trained) or not len(held_out):
        return counts | {"auc": 0.5, "low": 0.0, "high": 1.0, "losses": {}}
    auc, low, high = area(trained, held_out)
    means = {"trained": float(trained.mean()), "held_out": float(held_out.mean())}
    return counts | {"auc": auc, "low": low, "high": high, "losses": means}


def area(trained: Losses, held_out: Losses) -> tuple[float, float, float]:
    """The AUC and its interval: how often a row of training has the smaller loss of two."""
    wins = (trained[:, None] < held_out[None, :]) + 0.5 * (trained[:, None] == held_out[None, :])
    draw = np.random.default_rng(SEED)
    rows = draw.multinomial(len(trained), [1 / len(trained)] * len(trained), RESAMPLES)
    others = draw.multinomial(len(held_out), [1 / len(held_out)] * len(held_out), RESAMPLES)
    found = ((rows @ wins) * others).sum(axis=1) / (len(trained) * len(held_out))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(wins.mean()), float(low), float(high)


def chosen(values: dict[str, Any]) -> Work:
    return measured


if __name__ == "__main__":
    run(chosen)
