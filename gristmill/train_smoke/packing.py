"""Whole documents packed into windows: each starts with its end-of-text token, none is split.

A document of n tokens is n + 1 positions: its inputs are end-of-text and its tokens, its targets
its tokens and end-of-text. Documents longer than a window are cut, and what remains of each opens a
window of its own; the others fill what room there is, the longest first, each where it leaves the
least (best fit). What stays empty is padding, whose targets do not count. So every token is a
target exactly once, and the plan depends on the shards and the context alone.
"""

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.ends import ends_by_token, positions
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.train_smoke.chunked_loss import IGNORED

_I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Packed:
    """The windows of one split; the same calls as ``loader.Windows``.

    Attributes:
        arrays: mapped tokens by shard.
        pieces: rows of (shard, first token of the document, its tokens, first position, positions),
            by window.
        firsts: number of the first piece of each window, then the total.
        context: positions of a window (T).
        eot: the end-of-text token.
        padding: positions that are empty.
    """

    arrays: list[npt.NDArray[Any]]
    pieces: _I64
    firsts: _I64
    context: int
    eot: int
    padding: int

    @classmethod
    def of(cls, shards: ShardSet, split: str, context: int, at_least: int = 1) -> "Packed":
        """Plan the windows of a split.

        Raises:
            ConfigError: fewer than ``at_least`` windows.
        """
        arrays = shards.arrays(split)
        documents = np.concatenate(
            [np.zeros((0, 3), np.int64), *_documents(arrays, shards.eot, shards.eot_place)]
        )
        windows, pieces = pack(documents, context)
        order = np.argsort(windows, kind="stable")
        count = int(windows.max()) + 1 if len(windows) else 0
        if count < at_least:
            raise ConfigError(
                f"{shards.folder}: the documents of split {split!r} fill {count} windows of "
                f"{context} tokens, {at_least} are needed; use a smaller batch_tokens (or context) "
                "or more data"
            )
        return cls(
            arrays=arrays,
            pieces=pieces[order],
            firsts=np.searchsorted(windows[order], np.arange(count + 1)).astype(np.int64),
            context=context,
            eot=shards.eot,
            padding=count * context - int(pieces[:, 4].sum()),
        )

    def __len__(self) -> int:
        return len(self.firsts) - 1

    @property
    def left_out(self) -> str:
        """What of the split is no target, and what is none of it."""
        share = self.padding / (len(self) * self.context)
        return f"whole documents in each window, {share:.1%} of it is padding"

    def gather(self, windows: _I64) -> tuple[Tensor, Tensor]:
        """Return inputs and targets, int64 (len(windows), T) each; -100 where there is none."""
        inputs = np.full((len(windows), self.context), self.eot, dtype=np.int64)
        targets = np.full((len(windows), self.context), IGNORED, dtype=np.int64)
        for row, window in enumerate(windows.tolist()):
            at = 0
            for piece in self.pieces[self.firsts[window] : self.firsts[window + 1]].tolist():
                shard, first, length, start, count = piece
                tokens = self.arrays[shard][first : first + length]
                here = np.arange(start, start + count)
                known = tokens[start : start + count]
                targets[row, at : at + len(known)] = known
                if len(known) < count:
                    targets[row, at + count - 1] = self.eot
                before = here > 0
                inputs[row, at : at + count][before] = tokens[here[before] - 1]
                at += count
        return torch.from_numpy(inputs), torch.from_numpy(targets)


def _documents(arrays: list[npt.NDArray[Any]], eot: int, place: Any) -> Iterator[_I64]:
    """Yield rows of (shard, first token, tokens), the end-of-text token not counted."""
    for shard, array in enumerate(arrays):
        ends = ends_by_token(positions(array, eot), len(array), place)
        starts = np.concatenate(([0], ends[:-1])).astype(np.int64)[: len(ends)]
        first = starts + (place == "before")
        yield np.stack([np.full(len(ends), shard), first, ends - starts - 1], axis=1)


def pack(documents: _I64, context: int) -> tuple[_I64, _I64]:
    """Put documents into windows.

    Args:
        documents: rows of (shard, first token, tokens).
        context: positions of a window.

    Returns:
        The window of each piece, and the pieces: rows of (shard, first token, tokens, first
        position, positions), of which those of one window come in the order they stand in it.
    """
    windows: list[int] = []
    pieces: list[tuple[int, ...]] = []
    rooms: dict[int, list[int]] = {}  # windows by the room that is left in them
    sizes: list[int] = []  # the keys of rooms, ascending
    number = 0

    def put(window: int, room: int, piece: tuple[int, ...]) -> None:
        windows.append(window)
        pieces.append(piece)
        left = room - piece[4]
        if left:
            if left not in rooms:
                rooms[left] = []
                bisect.insort(sizes, left)
            rooms[left].append(window)

    lengths = documents[:, 2] + 1
    rows = documents.tolist()
    for at in np.flatnonzero(lengths > context).tolist():
        for start in range(0, int(lengths[at]), context):
            count = min(context, int(lengths[at]) - start)
            put(number, context, (*rows[at], start, count))
            number += 1
    short = np.flatnonzero(lengths <= context)
    for at in short[np.argsort(-lengths[short], kind="stable")].tolist():
        count = int(lengths[at])
        fits = bisect.bisect_left(sizes, count)
        if fits == len(sizes):
            put(number, context, (*rows[at], 0, count))
            number += 1
            continue
        room = sizes[fits]
        window = rooms[room].pop()
        if not rooms[room]:
            del rooms[room], sizes[fits]
        put(window, room, (*rows[at], 0, count))
    shaped = np.array(pieces, np.int64).reshape(-1, 5)
    return np.array(windows, np.int64), shaped
