"""A derived version, written and then read like any other file that is registered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workers.data.derive.derive import derive
from workers.data.progress import Progress
from workers.data.reading.importing import import_files


def derived(values: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """What `import_files` finds, and how the file came about."""
    path = Path(values["folder"]) / "derived"
    made = derive(values | {"output": str(path)}, progress)
    read = import_files(
        {
            "files": [{"name": made["name"], "path": str(path)}],
            "reading": made["reading"],
            "limits": values["limits"],
        },
        progress,
    )
    derivation = {name: made[name] for name in ("kept", "removed", "replaced")}
    return read | {"path": str(path), "reading": made["reading"], "derivation": derivation}
