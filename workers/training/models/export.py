"""A model as a folder that `transformers` loads without knowing of this hub."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from peft import PeftModel
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel

from workers.training import tokenizer as tokenizers
from workers.training.models import lora

WEIGHTS = "model.safetensors"
_ONE_FILE = "10TB"


def save(model: PreTrainedModel | PeftModel, tokenizer: Tokenizer, place: Path) -> None:
    """config.json, generation_config.json, model.safetensors, and the files of the tokenizer."""
    write(model, state_of(model), place)
    tokenizers.for_transformers(tokenizer).save_pretrained(place)


def state_of(model: PreTrainedModel | PeftModel) -> dict[str, Tensor]:
    """What is written: adapters merged into the weights, tied weights under one name."""
    state = lora.merged_state(model) if isinstance(model, PeftModel) else model.state_dict()
    tied = plain_of(model).all_tied_weights_keys
    return {name: tensor for name, tensor in state.items() if name not in tied}


def write(model: PreTrainedModel | PeftModel, state: Mapping[str, Tensor], place: Path) -> None:
    """The model with these weights, in one file."""
    plain_of(model).save_pretrained(place, state_dict=dict(state), max_shard_size=_ONE_FILE)


def copy_tokenizer(folder: Path, place: Path) -> None:
    """The tokenizer of a model's folder as it is: written anew, it could become another."""
    for name in tokenizers.FILES:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, place / name)


def plain_of(model: PreTrainedModel | PeftModel) -> PreTrainedModel:
    """The model inside, which has the adapters' layers in place of its own."""
    if not isinstance(model, PeftModel):
        return model
    plain = model.get_base_model()
    assert isinstance(plain, PreTrainedModel)
    return plain
