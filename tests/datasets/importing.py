"""Imports as the browser and the workers make them."""

from __future__ import annotations

import gzip
import json
from typing import Any

from llmhub.accounts.models import Project, User
from llmhub.datasets import imports
from llmhub.datasets.models import DatasetVersion, Import
from tests.jobs.running import run_jobs

QUESTIONS = [{"prompt": f"What is {n} + {n}?", "completion": f"{n + n}."} for n in range(12)]


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def zipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def send(
    project: Project,
    content: bytes = b"Once upon a time.\n",
    name: str = "text.txt",
    user: User | None = None,
    facts: dict[str, Any] | None = None,
    **more: Any,
) -> Import:
    """Uploaded in two pieces, and looked at."""
    facts = facts or {"name": "Fables"}
    files = [{"name": name, "bytes": len(content)}]
    of = imports.begin(project, user, facts=facts, files=files, **more)
    half = len(content) // 2
    imports.receive(of, 0, 0, content[:half])
    imports.receive(of, 0, half, content[half:])
    imports.go_on(of)
    run_jobs()
    of.refresh_from_db()
    return of


def confirm(of: Import, **choice: Any) -> Import:
    imports.choose(of, imports.reading_of(of.found, **choice))
    run_jobs()
    of.refresh_from_db()
    return of


def register(
    project: Project, content: bytes, name: str = "rows.jsonl", **more: Any
) -> DatasetVersion:
    of = confirm(send(project, content, name, **more))
    assert of.version, of.problem
    return of.version
