"""The model of a training, as its checkpoints need it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from peft import PeftModel
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel

from workers.training.errors import BadCheckpoint
from workers.training.models import export


@dataclass(frozen=True)
class Trained:
    module: nn.Module  # what the objective calls
    exported: PreTrainedModel | PeftModel  # what is written for `transformers`
    save_tokenizer: Callable[[Path], None]  # into a folder

    @property
    def has_adapters(self) -> bool:
        return isinstance(self.exported, PeftModel)

    def extra_parameters(self) -> dict[str, nn.Parameter]:
        """What learns and does not come back from the exported model: adapters, which are merged
        there, and heads of our own. Named as `module` names them."""
        exact = set() if self.has_adapters else set(map(id, self.exported.parameters()))
        return {
            name: parameter
            for name, parameter in self.module.named_parameters()
            if parameter.requires_grad and id(parameter) not in exact
        }

    def exported_state(self) -> dict[str, Tensor]:
        """What `export` writes, named as `transformers` names it; divided where the model is."""
        return export.state_of(self.exported)

    def export(self, place: Path, state: Mapping[str, Tensor] | None = None) -> None:
        """`state`: what `exported_state` gave, where it was gathered from several processes."""
        export.write(self.exported, self.exported_state() if state is None else state, place)
        self.save_tokenizer(place)

    def restore(self, place: Path) -> None:
        """The weights that were exported to `place`. With adapters the frozen ones are those that
        the model was loaded with, and what learns is in `extra_parameters`."""
        if self.has_adapters:
            return
        own = self.exported_state()
        try:
            saved = load_file(place / export.WEIGHTS)
        except (OSError, SafetensorError) as error:
            raise BadCheckpoint(f"The checkpoint's weights cannot be read: {error}") from error
        if wrong := own.keys() ^ saved.keys() or _of_another_shape(own, saved):
            raise BadCheckpoint(f"The checkpoint's weights do not fit: {sorted(wrong)}.")
        for name, tensor in own.items():
            tensor.copy_(like(tensor, saved[name]))


def like(tensor: Tensor, value: Tensor) -> Tensor:
    """`value` on the device of `tensor`, and divided between processes as that is."""
    value = value.to(tensor.device)
    if isinstance(tensor, DTensor):
        return distribute_tensor(value, tensor.device_mesh, tensor.placements)
    return value


def _of_another_shape(own: Mapping[str, Tensor], saved: Mapping[str, Tensor]) -> set[str]:
    return {name for name, tensor in own.items() if tensor.shape != saved[name].shape}
