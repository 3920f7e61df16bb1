"""Measures what the recipes that come with the hub need, for the pages that show it at once.

    python -m tests.bench.precompute_needs

As they stand and at the scale smoke, on a processor: whoever has no worker yet sees these, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import torch

from llmhub.recipes import content, shapes
from llmhub.recipes.estimate import Device
from llmhub.recipes.needed import PRECOMPUTED, Needed, digest
from llmhub.recipes.smoke import smoke
from llmhub.recipes.specs import PretrainSpec, Spec
from workers.training import probe
from workers.training.job import parsed

CPU = Device("cpu", "CPU", 1)


def wanted() -> Iterator[Needed]:
    for recipe in content.load():
        for spec in (recipe.spec, smoke(recipe.spec, None)):
            yield Needed(spec, shape_of(spec))


def shape_of(spec: Spec) -> shapes.Shape | None:
    return None if isinstance(spec, PretrainSpec) else shapes.of(spec.model.base_model)


def measure(needed: Needed) -> dict[str, int]:
    asked = needed.as_json()
    return probe.probe(parsed(asked["spec"]), asked["shape"], torch.device("cpu"))


def main() -> None:
    found = {}
    for needed in wanted():
        result = measure(needed)
        found |= {digest(needed, device): result for device in (CPU, None)}
    PRECOMPUTED.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    print(f"{len(found)} results in {PRECOMPUTED}")


if __name__ == "__main__":
    main()
