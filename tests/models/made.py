"""A version's folder with a small model in it, and jobs as the hub would write them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from llmhub.lib.manifest import file_hash
from workers.data.reading.source import Source
from workers.training.models import tiny


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """A Llama that reads bytes, 512 tokens at most; nothing it writes is any good."""
    place = tmp_path_factory.mktemp("tiny") / "model"
    tiny.provide(place)
    return place


def files_of(folder: Path) -> list[dict[str, Any]]:
    return [
        {"name": path.name, "bytes": path.stat().st_size, "sha256": file_hash(path)}
        for path in sorted(folder.iterdir())
    ]


def job(
    folder: Path,
    model: Path,
    kind: str,
    rows: Iterable[Mapping[str, Any]] = (),
    source: Source | None = None,
    style: str = "text",
    learned_from: Iterable[tuple[str, Source, float]] = (),
    **more: Any,
) -> dict[str, Any]:
    path = folder / "task.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = {"limit": 1_000, "max_new_tokens": 8}
    return {
        "folder": str(folder),
        "version": {"folder": str(model), "files": files_of(model), "style": style},
        "task": {
            "kind": kind,
            "path": str(path),
            "source": as_json(source) if source else None,
            "share": more.pop("share", 0.0),
            "rule": more.pop("rule", {}),
        },
        "options": options | more,
        "unknown": [],
        "learned_from": [
            {"name": name, "source": as_json(data), "share": share}
            for name, data, share in learned_from
        ],
    }


def as_json(source: Source) -> dict[str, Any]:
    return {
        "files": [
            {"name": f.name, "path": str(f.path), "sha256": f.sha256, "bytes": f.bytes}
            for f in source.files
        ],
        "reading": source.reading.as_json(),
    }


def items_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "items.jsonl").read_text().splitlines()]
