"""Rows for validation, and rows of benchmarks, of which a model reads a part in training."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from llmhub.lib.rows.kinds import Kind
from workers.data.reading.source import Source
from workers.data.report import words
from workers.data.report.batches import Batch, batches, own_text
from workers.data.report.checks import Figures
from workers.data.report.division import Division
from workers.data.report.examples import Example, fetch
from workers.data.report.gram_filter import GramFilter
from workers.data.report.overlap import LEAST_WORDS, NGRAM, grams_of_rows
from workers.data.report.prompts import SharedPrompts
from workers.data.report.search import COMMON_ONE_IN, COMMON_ROWS, Search


class Leakage:
    """First `look_for` the rows for validation, then `close`, then `add` all rows."""

    version = 1

    def __init__(self, division: Division, folder: Path, benchmarks: Sequence[Figures]) -> None:
        folder.mkdir()
        self._validation = Search(folder / "validation", ("training",))
        self._sources = [Source.parse(benchmark["source"]) for benchmark in benchmarks]
        self._benchmarks = [
            Search(folder / f"benchmark-{i}", ("training", "validation"))
            for i in range(len(benchmarks))
        ]
        self._names = [{"id": each["id"], "name": each["name"]} for each in benchmarks]
        self._prompts = (
            None
            if division.source.reading.kind is Kind.TEXT
            else SharedPrompts(folder / "prompts", division)
        )
        self._rows = {"training": 0, "validation": 0}

    @property
    def _searches(self) -> list[Search]:
        return [self._validation, *self._benchmarks]

    def look_for(self, batch: Batch) -> None:
        """The rows for validation."""
        chosen = np.flatnonzero(batch.validation)
        texts = [own_text(batch.kind, batch.items[i].row) for i in chosen.tolist()]
        found = grams_of_rows(words.split(texts), batch.rows[chosen])
        self._validation.add(*found, len(chosen))

    def close(self) -> None:
        """Reads the benchmarks."""
        for source, benchmark in zip(self._sources, self._benchmarks, strict=True):
            for batch in batches(Division.undivided(source), lambda share: None):
                benchmark.add(*grams_of_rows(batch.own_words, batch.rows), len(batch.rows))
        for search in self._searches:
            search.close()
        self._filter = GramFilter([search.grams for search in self._searches])

    def add(self, batch: Batch) -> None:
        validation = int(batch.validation.sum())
        self._rows["validation"] += validation
        self._rows["training"] += len(batch.rows) - validation
        if self._prompts:
            self._prompts.add(batch)
        found, rows = grams_of_rows(batch.own_words, batch.rows)
        likely = self._filter.may_have(found)
        found, rows = found[likely], rows[likely]
        is_validation = batch.validation[rows - np.uint32(batch.start)]
        for search in self._searches:
            search.see("training", found[~is_validation], rows[~is_validation])
            search.see("validation", found[is_validation], rows[is_validation])

    def finish(self) -> Collection[int]:
        wanted = set()
        for search in self._searches:
            search.finish(self._rows)
            wanted |= {leak.other for leak in search.leaks}
        return wanted | {leak.row for leak in self._validation.leaks}

    def result(self, texts: Mapping[int, Example]) -> Figures:
        return {
            "method": {
                "ngram": NGRAM,
                "least_words": LEAST_WORDS,
                "common": {"rows": COMMON_ROWS, "one_in": COMMON_ONE_IN},
                "grams_one_in": max(search.one_in for search in self._searches),
            },
            "validation": self._validation.figures(texts, texts),
            "benchmarks": [
                name
                | benchmark.figures(fetch(source, {leak.row for leak in benchmark.leaks}), texts)
                for name, source, benchmark in zip(
                    self._names, self._sources, self._benchmarks, strict=True
                )
            ],
            "shared_prompts": self._prompts.count() if self._prompts else None,
        }
