"""The next batch is prepared while the model computes on this one."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

#: Inputs and targets, (N, T) each.
Batch = tuple[Tensor, Tensor]


class Prefetch:
    """Asks for the batch after each one that is taken; a context manager.

    Errors of the thread that reads are raised where the batch is taken. Order and content are those
    of ``fetch``: nothing depends on which of the two was quicker.

    Args:
        fetch: returns the batch at a position.
        step: from one position to the next.
        device: where batches are to be; for CUDA they wait in pinned memory.
    """

    def __init__(self, fetch: Callable[[int], Batch], step: int, device: torch.device) -> None:
        self._fetch, self._step, self._device = fetch, step, device
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="gristmill-batches")
        self._ahead: tuple[int, Future[Batch]] | None = None

    def take(self, position: int) -> Batch:
        """Return the batch at a position, on the CPU, and begin to read the next."""
        waiting = self._ahead if self._ahead and self._ahead[0] == position else None
        future = waiting[1] if waiting else self._pool.submit(self._read, position)
        batch = future.result()
        after = position + self._step
        self._ahead = after, self._pool.submit(self._read, after)
        return batch

    def _read(self, position: int) -> Batch:
        ids, targets = self._fetch(position)
        if self._device.type == "cuda":
            return ids.pin_memory(), targets.pin_memory()
        return ids, targets

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
