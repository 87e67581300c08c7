"""The global order: which split, which file and which place each document gets.

A document's place depends on its key and the seed alone, its split on its draw (its text, or its
duplicate cluster; see ``gristmill.pipeline.held_out``). Nothing depends on how many workers or
other documents there were, and nothing holds all documents in memory: files are ranges of ranks,
cut at the borders of 2**20 buckets by counting tokens.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xxhash

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SPLITS = ("train", "val")
BUCKET_BITS = 20
_SHIFT = 64 - BUCKET_BITS


def ranks(keys: U64, copies: npt.NDArray[np.int32], seed: int) -> U64:
    """Return the place of each document in the shuffle: 64 bits of its key, its copy and the seed.

    Args:
        keys: document keys.
        copies: 0 for a document, 1 and up for its repetitions, which go elsewhere.
        seed: of the shuffle.
    """
    hashes = (
        xxhash.xxh64_intdigest(key.tobytes() + (copy.tobytes() if copy else b""), seed)
        for key, copy in zip(keys, copies, strict=True)
    )
    return np.fromiter(hashes, np.uint64, len(keys))


def bucket_of(rank: U64) -> I64:
    """Return the bucket of each rank."""
    return (rank >> np.uint64(_SHIFT)).astype(np.int64)


def rank_range(first: int, end: int) -> tuple[int, int]:
    """Return the smallest and the largest rank of the buckets from ``first`` to before ``end``."""
    return first << _SHIFT, (end << _SHIFT) - 1


def in_split(split: str, draws: U64, copies: npt.NDArray[np.int32], limit: np.uint64) -> Bools:
    """Tell which documents belong to a split. Repetitions are for training only."""
    held: Bools = draws < limit
    return held & (copies == 0) if split == "val" else ~held


@dataclass(frozen=True)
class Tally:
    """Documents and tokens by bucket, the end-of-text tokens counted."""

    docs: I64
    tokens: I64

    @classmethod
    def empty(cls) -> "Tally":
        """Nothing counted yet."""
        return cls(np.zeros(1 << BUCKET_BITS, np.int64), np.zeros(1 << BUCKET_BITS, np.int64))

    def add(self, rank: U64, tokens: I64) -> None:
        """Count documents with so many tokens each, end of text not counted."""
        buckets, at = np.unique(bucket_of(rank), return_inverse=True)
        docs = np.bincount(at, minlength=len(buckets))
        self.docs[buckets] += docs
        # The weights are summed as 64-bit floats: exact up to 2**53 tokens in a bucket.
        self.tokens[buckets] += np.bincount(at, tokens, len(buckets)).astype(np.int64) + docs

    def cut(
        self, target: int | None, per_doc: int = 0, first: int = 0, end: int = 1 << BUCKET_BITS
    ) -> list[tuple[int, int]]:
        """Cut buckets ``first`` to ``end`` into ranges of at most ``target`` tokens, or one bucket.

        Args:
            target: None = all in one range.
            per_doc: what a document counts beside its tokens.
            first: first bucket.
            end: after the last one.

        Returns:
            (first, end) of each range. Buckets without documents have no range of their own.
        """
        full = first + np.flatnonzero(self.docs[first:end])
        if not len(full) or target is None:
            return [(int(full[0]), int(full[-1]) + 1)] if len(full) else []
        ends = np.cumsum(self.tokens[full] + per_doc * self.docs[full])
        found, at, before = [], 0, 0
        while at < len(full):
            stop = max(at + 1, int(np.searchsorted(ends, before + target, side="right")))
            found.append((int(full[at]), int(full[stop - 1]) + 1))
            at, before = stop, int(ends[stop - 1])
        return found

    def totals(self, first: int, end: int) -> tuple[int, int]:
        """Return (documents, tokens) of a range of buckets."""
        return int(self.docs[first:end].sum()), int(self.tokens[first:end].sum())
