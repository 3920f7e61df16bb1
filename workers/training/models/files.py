"""Where a model that exists already lies on this machine: a folder that `transformers` can load."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.constants import ENDPOINT as HF_ENDPOINT
from huggingface_hub.utils.tqdm import disable_progress_bars

from llmhub.lib import durable, manifest, model_reference
from llmhub.lib.model_reference import Kind, NotAReference, Reference
from workers.training.errors import BadCheckpoint, BadConfig
from workers.training.models import tiny
from workers.training.models.aside import aside_of

# The Hugging Face hub, unless the environment says where another one is (HF_ENDPOINT).
ENDPOINT: str = HF_ENDPOINT
CONFIG = "config.json"
# Pickles run code when they are read, and a person could have uploaded them.
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
WEIGHTS = "*.safetensors"
TOKENIZER_FILES = ("tokenizer*", "vocab*", "merges.txt", "*.jinja", "special_tokens_map.json")
DOWNLOADED = (WEIGHTS, "*.json", *TOKENIZER_FILES)


@dataclass(frozen=True)
class ModelFiles:
    """A model of a job, as the hub has found it."""

    reference: Reference
    path: Path | None
    sha256: str | None  # of a checkpoint's manifest

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> ModelFiles:
        try:
            reference = model_reference.parse(values["reference"])
        except NotAReference as error:
            raise BadConfig(f"“{values['reference']}” names no model.") from error
        path = values["path"]
        return cls(reference, Path(path) if path else None, values["sha256"])


def folder(files: ModelFiles, cache: Path) -> Path:
    """The folder of the model; demo models and those of the hub are kept in `cache`."""
    return _FINDERS[files.reference.kind](files, cache)


def _of_run(files: ModelFiles, cache: Path) -> Path:
    place, run = files.path, files.reference.name
    if place is None or not place.is_dir():
        which = place.name if place else str(files.reference)
        raise BadConfig(f"The checkpoint {which} of run {run} is not on this machine.")
    try:
        manifest.verify(place)
    except manifest.Corrupt as error:
        raise BadCheckpoint(f"The checkpoint of run {run} is damaged: {error}.") from error
    if files.sha256 and manifest.digest(place) != files.sha256:
        raise BadCheckpoint(f"The checkpoint {place.name} of run {run} is not the one chosen.")
    return place


def _of_demo(files: ModelFiles, cache: Path) -> Path:
    name = files.reference.name
    place = cache / name
    if name == model_reference.TINY:
        tiny.provide(place)
    elif name not in model_reference.DEMOS:
        raise BadConfig(f"There is no demo model “{name}”.")
    elif not place.is_dir():
        raise BadConfig(f"The demo model “{name}” is missing: run `make models` on this machine.")
    return place


def _of_folder(files: ModelFiles, cache: Path) -> Path:
    place = files.path or Path(files.reference.name)
    if not (place / CONFIG).is_file():
        raise BadConfig(f"The folder {place} has no {CONFIG}: it holds no model.")
    return _with_safe_weights(place, str(place))


def _of_hub(files: ModelFiles, cache: Path) -> Path:
    """The revision that was downloaded first stays: resumed runs find the same weights."""
    name = files.reference.name
    kept = cache / "hub" / name.replace("/", "--")
    with aside_of(kept) as aside:
        if not kept.is_dir():
            _download(name, aside)
            _with_safe_weights(aside, name)
            durable.publish(aside, kept)
    return kept


def _download(name: str, place: Path) -> None:
    disable_progress_bars()
    try:
        snapshot_download(name, local_dir=place, allow_patterns=list(DOWNLOADED), endpoint=ENDPOINT)
    # The network, the server and the library each have errors of their own.
    except Exception as error:
        raise BadConfig(
            f"The model {name} could not be downloaded from the Hugging Face hub: it does not "
            f"exist, is not public, or the network is down. ({type(error).__name__})"
        ) from error
    if not (place / CONFIG).is_file():
        raise BadConfig(f"{name} on the Hugging Face hub has no {CONFIG}: it holds no model.")


def _with_safe_weights(place: Path, name: str) -> Path:
    if any(place.glob(WEIGHTS)):
        return place
    if any(found for pattern in PICKLES for found in place.glob(pattern)):
        raise BadConfig(
            f"{name} has its weights as pickles, which can run code when they are read: "
            "convert them to safetensors."
        )
    raise BadConfig(f"{name} has no weights in a *.safetensors file.")


_FINDERS: dict[Kind, Callable[[ModelFiles, Path], Path]] = {
    Kind.RUN: _of_run,
    Kind.DEMO: _of_demo,
    Kind.FOLDER: _of_folder,
    Kind.HUB: _of_hub,
}
