"""How one model learns on several processes: as copies (DDP) or divided between them (FSDP2)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from workers.training.world import World


@dataclass(frozen=True)
class Parallel:
    """Both ways average the gradients over the processes; the loop sums, and so multiplies."""

    world: World
    strategy: str  # "ddp" or "fsdp"

    def divide(self, module: nn.Module) -> None:
        """FSDP2 divides every block and then the rest; before the optimizer sees the weights."""
        if self.world.size == 1 or self.strategy != "fsdp" or isinstance(module, FSDPModule):
            return
        for block in _blocks(module):
            fully_shard(block)
        fully_shard(module)

    def wrap(self, module: nn.Module) -> nn.Module:
        """What the objective calls."""
        if self.world.size == 1 or self.strategy != "ddp":
            return module
        # Buffers are constants: nothing travels but gradients.
        return DistributedDataParallel(module, broadcast_buffers=False)

    @contextmanager
    def accumulating(self, model: nn.Module, is_last: bool) -> Iterator[None]:
        """Gradients travel with the last micro-batch of a step only."""
        if isinstance(model, DistributedDataParallel) and not is_last:
            with model.no_sync():
                yield
            return
        if isinstance(model, FSDPModule):
            model.set_requires_gradient_sync(is_last)
        yield


def _blocks(module: nn.Module) -> list[nn.Module]:
    """The transformer's layers: what `transformers` itself never splits."""
    names = {
        name for part in module.modules() for name in getattr(part, "_no_split_modules", None) or ()
    }
    return [part for part in module.modules() if type(part).__name__ in names]


def whole(tensor: Tensor) -> Tensor:
    """A tensor that may be divided between the processes; all of them have to ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def clip(parameters: list[nn.Parameter], largest: float) -> float:
    """The norm of the whole gradient before it is clipped."""
    return whole(nn.utils.clip_grad_norm_(parameters, largest)).item()
