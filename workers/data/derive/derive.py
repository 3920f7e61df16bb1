"""A version of a dataset without what its report found: rows removed, personal data replaced."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from llmhub.lib.problems import Problem
from llmhub.lib.rows.kinds import Row
from workers.data.derive.cleaned import Cleaned, Overlong
from workers.data.derive.write import write
from workers.data.reading.source import Source
from workers.data.report.arrays import Mask
from workers.data.report.batches import batches
from workers.data.report.division import Division, Tell
from workers.data.report.duplicates import Duplicates
from workers.data.report.near_duplicates import NearDuplicates
from workers.data.report.personal import KINDS

# Called with a phase, how much of it is done, and of how much.
Progress = Callable[[str, float, float], None]

REMOVABLE = ("exact", "near", "empty", "overlong")


def derive(values: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """`remove`: any of `REMOVABLE`; `anonymise`: whether personal data are replaced.

    Rows are compared as they will be: those that differ in an address alone are alike without it.
    """
    source = Source.parse(values["source"])
    source.verify()
    wanted = set(values.get("remove", ()))
    if not wanted <= set(REMOVABLE):
        raise ValueError(f"cannot remove {wanted - set(REMOVABLE)}")
    cleaned = _cleaned(source, values, wanted)
    repeats = _repeats(cleaned, Path(values["folder"]), wanted, progress)
    reading, kept = write(
        Path(values["output"]), _kept(cleaned, repeats.values(), progress), source.reading
    )
    if not kept:
        raise Problem("no_rows", file=source.files[0].name)
    removed = {name: int(mask.sum()) for name, mask in repeats.items()} | cleaned.removed
    return {
        "kept": kept,
        "removed": {name: removed.get(name, 0) for name in REMOVABLE if name in wanted},
        "replaced": {kind: cleaned.replaced[kind] for kind in KINDS},
        "reading": reading.as_json(),
        "name": _name(source),
    }


def _cleaned(source: Source, values: Mapping[str, Any], wanted: Collection[str]) -> Cleaned:
    overlong = None
    if "overlong" in wanted:
        overlong = Overlong.of(values["context_length"], values["tokenizer"]["path"])
    return Cleaned(
        source.files,
        source.reading,
        source.limits,
        phone_regions=values["phone_regions"] if values.get("anonymise") else None,
        without_empty="empty" in wanted,
        overlong=overlong,
    )


def _repeats(
    source: Source, folder: Path, wanted: Collection[str], progress: Progress
) -> dict[str, Mask]:
    """Which rows repeat an earlier one, as the report counts them."""
    if not {"exact", "near"} & set(wanted):
        return {}
    exact = Duplicates(folder / "exact")
    near = NearDuplicates(folder / "near", exact) if "near" in wanted else None
    for batch in batches(Division.undivided(source), _tell(progress, "measuring")):
        exact.add(batch)
        if near:
            near.add(batch)
    progress("comparing", 0, 1)
    exact.finish()
    if near:
        near.finish()
    found = {"exact": exact.repeats} if "exact" in wanted else {}
    return found | ({"near": near.repeats} if near else {})


def _kept(source: Source, repeats: Collection[Mask], progress: Progress) -> Iterator[Row]:
    total = max(1, sum(file.bytes for file in source.files))
    for item in source.rows():
        if not any(mask[item.number] for mask in repeats):
            yield item.row
        progress("writing", source.bytes_read(), total)


def _name(source: Source) -> str:
    stem = source.files[0].name.split(".")[0]
    return f"{stem}.clean" + (".txt" if source.reading.is_plain_text else ".jsonl.zst")


def _tell(progress: Progress, phase: str) -> Tell:
    return lambda done: progress(phase, done, 1)
