"""Several processes that train one model, started by ``torchrun``.

Every process holds the whole model, computes its slice of each global batch, and the gradients are
averaged (torch's DistributedDataParallel). Only the first one writes and speaks.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, nn

#: A process that waits longer for the others gives up: one of them has died or hangs.
_PATIENCE = timedelta(minutes=10)


@dataclass(frozen=True)
class World:
    """The processes of a run.

    Attributes:
        rank: number of this one.
        size: how many there are.
        local: its number on this machine, which chooses the GPU.
    """

    rank: int = 0
    size: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Return the model whose backward pass averages the gradients of all processes."""
        if self.size == 1:
            return model
        ids = [device.index] if device.type == "cuda" else None
        wrapped: nn.Module = nn.parallel.DistributedDataParallel(model, device_ids=ids)
        return wrapped

    def sum(self, value: float) -> float:
        """Return the sum of a number over all processes."""
        return value if self.size == 1 else float(_reduced(torch.tensor(float(value)), self))

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a tensor over all processes."""
        return value if self.size == 1 else _reduced(value, self) / self.size

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.size > 1:
            torch.distributed.barrier()


def _reduced(value: Tensor, world: World) -> Tensor:
    if torch.distributed.get_backend() == "nccl":
        value = value.to(f"cuda:{world.local}")
    total = value.detach().clone()
    torch.distributed.all_reduce(total)
    return total


def world_from_environment() -> World:
    """Return the processes that ``torchrun`` says there are; one without it."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return World()
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    return World(*(int(os.environ[name]) for name in names))


@contextlib.contextmanager
def joined(world: World, device: torch.device) -> Iterator[None]:
    """Connect the processes for the length of the block."""
    if world.size == 1:
        yield
        return
    backend = "nccl" if device.type == "cuda" else "gloo"
    torch.distributed.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def accumulating(model: nn.Module, last: bool) -> contextlib.AbstractContextManager[None]:
    """Return a context in which gradients are only added up, but for the last part of a batch."""
    if last or not isinstance(model, nn.parallel.DistributedDataParallel):
        return contextlib.nullcontext()
    waiting: contextlib.AbstractContextManager[None] = model.no_sync()
    return waiting
