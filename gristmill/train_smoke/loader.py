"""Which tokens the model sees, and when: a pure function of (seed, position).

A split is cut into windows of ``context`` + 1 tokens, one every ``context`` tokens, so each token
is a target once per epoch. Epoch ``e`` visits all windows in an order given by a keyed permutation
of (seed, e); nothing is drawn with replacement (nanoGPT#294) and there is no state: the position
is one integer, the number of windows already consumed, whatever the number of processes.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.shard_set import ShardSet

_U64 = npt.NDArray[np.uint64]


def _mix(x: _U64) -> _U64:
    """SplitMix64's finaliser: a fixed bijection of 64-bit numbers (Steele et al. 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def permute(index: npt.NDArray[np.int64], n: int, key: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Send indices below ``n`` through a permutation chosen by ``key``.

    A Feistel network over the next even power of two, walked until it lands below ``n``
    (Black and Rogaway 2002). Arithmetic only: the same on every machine and NumPy version, and no
    table, however many windows there are.
    """
    half = np.uint64(max(1, ((n - 1).bit_length() + 1) // 2))
    mask = (np.uint64(1) << half) - np.uint64(1)
    seed, epoch = (np.array([part % 2**64], dtype=np.uint64) for part in key)
    base = _mix(_mix(seed + np.uint64(0x9E3779B97F4A7C15)) ^ epoch)
    keys = _mix(base + np.arange(6, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    out = index.astype(np.uint64)
    todo = np.arange(len(out))
    while len(todo):
        left, right = out[todo] >> half, out[todo] & mask
        for key_ in keys:
            left, right = right, left ^ (_mix(right + key_) & mask)
        out[todo] = (left << half) | right
        todo = todo[out[todo] >= n]
    return out.astype(np.int64)


class WindowSet(Protocol):
    """Windows of one split, however they were made: ``Windows`` here, ``packing.Packed``."""

    @property
    def context(self) -> int:
        """Tokens of a window (T)."""
        ...

    @property
    def left_out(self) -> str:
        """What of the split is no target, in words."""
        ...

    def __len__(self) -> int: ...

    def gather(self, windows: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return inputs and targets, int64 (len(windows), T) each."""
        ...


@dataclass(frozen=True)
class Windows:
    """The windows of one split.

    Attributes:
        arrays: mapped tokens by shard.
        firsts: number of the first window of each shard, then the total.
        context: tokens of a window (T).
        dropped: targets at the ends of shards that fill no window.
    """

    arrays: list[npt.NDArray[Any]]
    firsts: npt.NDArray[np.int64]
    context: int
    dropped: int

    @classmethod
    def of(cls, shards: ShardSet, split: str, context: int, at_least: int = 1) -> "Windows":
        """Cut a split into windows.

        Raises:
            ConfigError: fewer than ``at_least`` windows; says how many tokens there are.
        """
        arrays = shards.arrays(split)
        targets = [max(0, len(array) - 1) for array in arrays]
        counts = [n // context for n in targets]
        if sum(counts) < at_least:
            total = sum(len(array) for array in arrays)
            setting = "context" if at_least == 1 else "batch_tokens (or context)"
            raise ConfigError(
                f"{shards.folder}: split {split!r} has {total:,} tokens, which make {sum(counts)} "
                f"windows of {context} + 1 tokens, {at_least} are needed; use a smaller {setting} "
                "or more data"
            )
        return cls(
            arrays=arrays,
            firsts=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            context=context,
            dropped=sum(targets) - sum(counts) * context,
        )

    def __len__(self) -> int:
        return int(self.firsts[-1])

    @property
    def left_out(self) -> str:
        """What of the split is no target, in words."""
        return f"tail of {self.dropped:,} tokens fills no window and is left out"

    def gather(self, windows: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return inputs and targets, int64 (len(windows), T) each."""
        out = np.empty((len(windows), self.context + 1), dtype=np.int64)
        shard = np.searchsorted(self.firsts, windows, side="right") - 1
        for row, (number, window) in enumerate(zip(shard, windows, strict=True)):
            start = int(window - self.firsts[number]) * self.context
            out[row] = self.arrays[number][start : start + self.context + 1]
        both = torch.from_numpy(out)
        return both[:, :-1].contiguous(), both[:, 1:].contiguous()


@dataclass(frozen=True)
class Loader:
    """Windows in training order.

    Args:
        windows: the training split.
        seed: chooses the order.
    """

    windows: WindowSet
    seed: int

    def order(self, position: int, count: int) -> npt.NDArray[np.int64]:
        """Return the windows at positions ``position`` … ``position + count - 1``.

        Position p is place p mod N of epoch p div N, N = windows in the split.
        """
        n = len(self.windows)
        epochs, places = np.divmod(np.arange(position, position + count, dtype=np.int64), n)
        out = np.empty(count, dtype=np.int64)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            out[here] = permute(places[here], n, (self.seed, int(epoch)))
        return out

    def batch(
        self, position: int, count: int, *, rank: int = 0, world: int = 1
    ) -> tuple[Tensor, Tensor]:
        """Return this process's share of the global batch that starts at ``position``.

        The global batch does not depend on ``world``: rank r takes its r-th equal slice.

        Args:
            position: windows consumed so far, by all processes.
            count: windows of the global batch; a multiple of ``world``.
            rank: number of this process.
            world: number of processes.

        Returns:
            Inputs and targets, int64 (count / world, T) each.
        """
        if count % world:
            raise ConfigError(
                f"a batch of {count} windows does not divide among {world} processes; "
                "change batch_tokens"
            )
        share = count // world
        return self.windows.gather(self.order(position, count)[rank * share : (rank + 1) * share])
