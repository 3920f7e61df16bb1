"""An export on a disk that is really full: a file system of a few hundred kilobytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmhub.lib import manifest
from llmhub.lib.export_forms import Form, most_bytes
from tests.registry.exporting import TEXT, write_model
from workers import environment
from workers.models.export.exporting import parameters_in
from workers.process import ROOT

SMALL_DISK = """
mount -t tmpfs -o size=$1 none "$2" && cp "$3" "$2/job.json" || exit 77
exec 3<>"$5"
"$4" -m workers.models.export "$2" <&3
cat "$2/result.json"; echo; find "$2" -mindepth 1 -printf '%P '
"""
# For `job.json` and progress, for all that an export has but its last words, or for nothing.
BLOCKS = {Form.BF16: -20, Form.FP32: 3, Form.GGUF_F16: 6}
BLOCK = 4 << 10


def wish(folder: Path, model: Path, text: Path, form: Form) -> dict[str, object]:
    file = {
        "name": text.name,
        "path": str(text),
        "sha256": manifest.file_hash(text),
        "bytes": text.stat().st_size,
    }
    reading = {"format": "text", "kind": "text", "columns": {}}
    return {
        "folder": str(folder),
        "source": str(model),
        "files": [],
        "form": form,
        "name": "small-v1",
        "folder_name": f"small-v1-{form}",
        "title": "small v1",
        "licence": "",
        "manifest_sha256": "0" * 64,
        "memory_bytes": 4 << 30,
        "rows": {
            "name": "lines",
            "source": {"files": [file], "reading": reading},
            "validation_share": 0.1,
            "template": "auto",
        },
    }


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(Form.BF16, marks=pytest.mark.faults),
        pytest.param(Form.FP32, marks=pytest.mark.faults),
        Form.GGUF_F16,
    ],
)
def test_an_export_on_a_full_disk_says_so_and_leaves_nothing(tmp_path, form):
    model = write_model(tmp_path / "model", "llama")
    text = tmp_path / "lines.txt"
    text.write_text(TEXT)
    job = tmp_path / "job.json"
    disk = tmp_path / "disk"
    job.write_text(json.dumps(wish(disk, model, text, form)))
    disk.mkdir()
    # Open for both ends: whoever watches a job holds the other one.
    watcher = tmp_path / "watcher"
    os.mkfifo(watcher)
    size = most_bytes(form, parameters_in(model)) + BLOCKS[form] * BLOCK

    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, "sh",
         str(size), str(disk), str(job), sys.executable, str(watcher)],
        env=environment.clean(), cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no file system can be made here: {done.stderr}")

    result, left = done.stdout.strip().splitlines()
    assert json.loads(result) == {"problem": {"code": "disk_full", "values": {}}}
    # The watcher removes the job's own folder.
    assert "export" not in left
