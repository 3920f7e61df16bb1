"""Who writes which form into a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from llmhub.lib.export_forms import Form
from workers.models.export import gguf_file, opened, packed
from workers.training.models import export

Write = Callable[[Path, Path, Form, str], None]

DTYPES = {Form.BF16: torch.bfloat16, Form.FP32: torch.float32}


def write_floats(source: Path, place: Path, form: Form, name: str) -> None:
    """The weights of the version, which has its adapters merged already."""
    model = opened.original(source, DTYPES[form])
    export.write(model, export.state_of(model), place)
    export.copy_tokenizer(source, place)


WRITERS: Mapping[Form, Write] = {
    Form.BF16: write_floats,
    Form.FP32: write_floats,
    Form.INT8: packed.write,
    Form.INT4: packed.write,
    Form.GGUF_F16: gguf_file.write,
    Form.GGUF_Q8: gguf_file.write,
    Form.GGUF_Q4: gguf_file.write,
}
