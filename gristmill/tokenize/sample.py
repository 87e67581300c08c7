"""A deterministic sample of the finished documents: by the hash of their key, until it is full."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from gristmill.pipeline.dedup.arrays import among
from gristmill.pipeline.rounds import View
from gristmill.pipeline.shard import RunFolder

Keys = npt.NDArray[np.uint64]
Sizes = npt.NDArray[np.int64]

#: Documents held in view beyond twice the sample before the surplus is dropped.
_SLACK = 100_000
_ROWS = 256


@dataclass(frozen=True)
class Sample:
    """The chosen documents.

    Attributes:
        keys: sorted.
        last: the key of the document that filled the sample, or None.
        room: how many bytes of it belong to the sample.
    """

    keys: Keys
    last: int | None = None
    room: int = 0

    def texts(self, view: View, folder: RunFolder) -> Iterator[str]:
        """Yield the texts in order of key."""
        for task in range(view.count(folder)):
            for batch in view.batches(folder, task, ["text"], rows=_ROWS):
                hit = batch.filter(pa.array(among(batch.column("key").to_numpy(), self.keys)))
                for key, text in zip(
                    hit.column("key").to_pylist(), hit.column("text").to_pylist(), strict=True
                ):
                    yield _cut(text or "", self.room) if key == self.last else text or ""


def _cut(text: str, size: int) -> str:
    """Return the first ``size`` bytes of a text, less a character that they cut in two."""
    return text[:size].encode("utf-8", "replace")[:size].decode("utf-8", "ignore")


def choose(
    view: View, folder: RunFolder, size: int, seed: int, tick: Callable[[int], None]
) -> Sample:
    """Choose documents until their texts fill the sample; the last one is cut to fit.

    Memory is that of the sample's keys, not of all keys.

    Args:
        view: the documents.
        folder: the run.
        size: bytes of text.
        seed: of the hash.
        tick: is told how many documents were looked at.
    """
    nearest = _Nearest(size)
    seen = 0
    for task in range(view.count(folder)):
        for batch in view.batches(folder, task, ["text"], rows=_ROWS):
            keys = batch.column("key").to_numpy()
            sizes = pc.fill_null(pc.binary_length(batch.column("text")), 0)
            ranks = [xxhash.xxh64_intdigest(key.tobytes(), seed) for key in keys]
            nearest.add(np.array(ranks, np.uint64), keys, sizes.to_numpy(zero_copy_only=False))
            seen += len(keys)
            tick(seen)
    return nearest.sample()


class _Nearest:
    """Holds the documents of lowest hash that fill a size, and a surplus not yet dropped."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._ranks, self._keys = np.zeros(0, np.uint64), np.zeros(0, np.uint64)
        self._sizes = np.zeros(0, np.int64)
        self._new: list[tuple[Keys, Keys, Sizes]] = []
        self._surplus = 0
        self._limit = np.uint64(2**64 - 1)

    def add(self, ranks: Keys, keys: Keys, sizes: Sizes) -> None:
        """Take those in that may belong to the sample."""
        near = ranks <= self._limit
        self._new.append((ranks[near], keys[near], sizes[near].astype(np.int64)))
        self._surplus += int(near.sum())
        if self._surplus > len(self._keys) + _SLACK:
            self._shrink()

    def _shrink(self) -> None:
        held = [(self._ranks, self._keys, self._sizes), *self._new]
        ranks, keys, sizes = (np.concatenate(column) for column in zip(*held, strict=True))
        order = np.lexsort((keys, ranks))
        fill = np.cumsum(sizes[order])
        count = int(np.searchsorted(fill, self._size)) + 1  # the one that fills it included
        order = order[:count]
        self._ranks, self._keys, self._sizes = ranks[order], keys[order], sizes[order]
        self._new, self._surplus = [], 0
        if len(fill) >= count:
            self._limit = self._ranks[-1]

    def sample(self) -> Sample:
        """Return what lies nearest to 0."""
        self._shrink()
        over = int(self._sizes.sum()) - self._size
        if over <= 0:
            return Sample(np.sort(self._keys))
        return Sample(np.sort(self._keys), int(self._keys[-1]), int(self._sizes[-1]) - over)
