"""Jaccard similarity of many pairs of shingle sets at once."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.pipeline.dedup.arrays import U32, U64, Flags, Index, among, take_runs

#: Numbers sorted at once: bounds the temporaries to some 60 MB.
_SLAB = 1 << 20


@dataclass(frozen=True)
class SetTable:
    """Shingle sets of some documents, which are known by number.

    Attributes:
        begin: (documents,) where a document's set begins in ``shingles``.
        size: (documents,) its size; 0 for documents that are not in the table.
        shingles: sorted distinct hashes, set after set.
    """

    begin: Index
    size: Index
    shingles: U32

    def alike(self, a: Index, b: Index, threshold: float) -> Flags:
        """Tell which pairs have |A ∩ B| / |A ∪ B| ≥ threshold; two empty sets are not alike.

        Args:
            a: (pairs,) numbers of documents.
            b: (pairs,) the other ones.
            threshold: above 0.
        """
        small, large = np.sort([self.size[a], self.size[b]], axis=0)
        # However large the intersection, it is at most the smaller set.
        out: Flags = small / np.maximum(large, 1) >= threshold
        possible = np.flatnonzero(out)
        numbers = np.cumsum((small + large)[possible])
        begun = 0
        while begun < len(possible):
            spent = int(numbers[begun - 1]) if begun else 0
            end = max(begun + 1, int(np.searchsorted(numbers, spent + _SLAB, "right")))
            pairs = possible[begun:end]
            common = self._common(a[pairs], b[pairs])
            out[pairs] = common / (small[pairs] + large[pairs] - common) >= threshold
            begun = end
        return out

    def _common(self, a: Index, b: Index) -> Index:
        """Return the sizes of intersections: numbers that stand twice in a pair's two sets."""
        both = np.stack([a, b], axis=1).ravel()
        lengths = self.size[both]
        pair = np.repeat(np.arange(len(a), dtype=np.uint64), lengths[::2] + lengths[1::2])
        values = (pair << np.uint64(32)) | self.shingles[take_runs(self.begin[both], lengths)]
        values.sort(kind="stable")  # finds the runs that are sorted already
        twice = values[1:][values[1:] == values[:-1]] >> np.uint64(32)
        return np.bincount(twice.astype(np.int64), minlength=len(a))


def load_sets(tables: Iterable[pa.Table], nodes: U64, wanted: Index) -> SetTable:
    """Return the sets of some documents.

    Args:
        tables: rows of (key, size, shingles); a key may come more than once, each time the same.
        nodes: (documents,) all keys, sorted: a document's number is its place here.
        wanted: numbers of the documents to load, sorted.
    """
    size, begin = np.zeros(len(nodes), np.int64), np.zeros(len(nodes), np.int64)
    keys, parts, at = nodes[wanted], [np.zeros(0, np.uint32)], 0
    for table in tables:
        hit = table.filter(pa.array(among(table["key"].to_numpy(), keys)))
        number = np.searchsorted(nodes, hit["key"].to_numpy())
        sizes = hit["size"].to_numpy()
        size[number] = sizes
        begin[number] = at + np.cumsum(sizes) - sizes
        parts.append(pa.chunked_array(hit["shingles"]).combine_chunks().flatten().to_numpy())
        at += len(parts[-1])
    return SetTable(begin, size, np.concatenate(parts))
