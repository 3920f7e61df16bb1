"""Rows with the kind in place of each piece of personal data: [EMAIL]."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from llmhub.lib.rows.kinds import Row
from workers.data.report.batches import ANSWERS
from workers.data.report.personal import Found, find, replace

# Between the texts of a row, as in the whole of it that a report looks at. Nothing that is found
# goes over it, but what a number is may be said before it.
_BETWEEN = "\n\n"


def anonymise(row: Row, regions: Sequence[str]) -> Counter[str]:
    """Changes the row, and returns how many things of each kind were replaced."""
    places = _places(row)
    texts = [str(holder[key]) for holder, key in places]
    counts: Counter[str] = Counter()
    while found := find(_BETWEEN.join(texts), regions):
        counts.update(one.kind for one in found)
        texts = _replaced(texts, found)
    for (holder, key), text in zip(places, texts, strict=True):
        holder[key] = text
    return counts


def _places(row: Row) -> list[tuple[Row, str]]:
    """Where the texts of a row are, in the order in which the whole of it has them."""
    turns = [(turn, "content") for field in ("messages", "history") for turn in row.get(field, ())]
    fields = ("text", "system", "prompt", *ANSWERS)
    return turns + [(row, field) for field in fields if field in row]


def _replaced(texts: Sequence[str], found: Sequence[Found]) -> list[str]:
    replaced, start = [], 0
    for text in texts:
        end = start + len(text)
        here = [
            Found(one.kind, one.start - start, one.end - start)
            for one in found
            if start <= one.start < end
        ]
        replaced.append(replace(text, here))
        start = end + len(_BETWEEN)
    return replaced
