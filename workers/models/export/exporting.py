"""The whole way of an export: verified, written, loaded again, compared, hashed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open
from transformers.utils import logging

from llmhub.lib import manifest, serving
from llmhub.lib.export_forms import Form, hindrance, most_bytes
from llmhub.lib.problems import Problem
from llmhub.lib.rows.template import TURN_END, TURN_START
from workers.data.progress import Progress
from workers.models.export import opened, quality, readme
from workers.models.export.forms import WRITERS
from workers.models.export.held_out import HeldOut
from workers.models.verified import verify

FOLDER = "export"


def export(values: Mapping[str, Any], folder: Path, progress: Progress) -> dict[str, Any]:
    """`folder`: the job's own, on the disk where the export will stay."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    source, form = Path(values["source"]), Form(values["form"])
    place = folder / FOLDER
    place.mkdir()
    count = len(values["files"])
    verify(source, values["files"], lambda done: progress("export_verifying", done, count))
    config = json.loads((source / "config.json").read_text())
    if code := hindrance(form, config):
        raise Problem(code, architecture=str(config.get("model_type", "")))
    require_room(source, form, folder)

    progress("export_writing", 0, 1)
    WRITERS[form](source, place, form, values["name"])
    rows = HeldOut.of(values["rows"], source)
    before = quality.measure(opened.original(source), rows, progress, "export_original")
    model = opened.export(place, form, source)
    after = quality.measure(model, rows, progress, "export_comparing")
    found = quality.compared(before, after, rows)
    if form.is_gguf:
        write_modelfile(source, place, form, values["name"])
    readme.write(place, form, values, found)
    return {
        "path": str(place),
        "files": listed(place),
        "bytes": manifest.size(place),
        "quality": found,
    }


def require_room(source: Path, form: Form, folder: Path) -> None:
    """Before the work, since it would take long to find out."""
    needed = most_bytes(form, parameters_in(source))
    if shutil.disk_usage(folder).free < needed:
        raise Problem("disk_full")


def parameters_in(source: Path) -> int:
    total = 0
    for path in source.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - a file of safetensors is no dictionary
                size = 1
                for length in file.get_slice(name).get_shape():
                    size *= length
                total += size
    return total


def write_modelfile(source: Path, place: Path, form: Form, name: str) -> None:
    text = serving.modelfile(serving.gguf_name(name, form), is_chat=is_chat(source))
    (place / serving.MODELFILE).write_text(text)


def is_chat(source: Path) -> bool:
    """Whether it knows the tokens of chatml, as `lib.rows.template` writes turns."""
    text = (source / "tokenizer.json").read_text()
    return TURN_START in text and TURN_END in text


def listed(place: Path) -> list[dict[str, Any]]:
    """Weights first, as the files that matter most."""
    paths = sorted(path for path in place.rglob("*") if path.is_file())
    return [
        {
            "name": str(path.relative_to(place)),
            "bytes": path.stat().st_size,
            "sha256": manifest.file_hash(path),
        }
        for path in sorted(paths, key=lambda path: -path.stat().st_size)
    ]
