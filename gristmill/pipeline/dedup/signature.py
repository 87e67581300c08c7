"""Shingles and MinHash band keys of many texts at once.

A shingle is an n-gram of words (or characters), hashed to 32 bits. A text's signature is the
minimum of ``bands × rows`` hash functions x → a·x + b mod 2³² over its shingles; ``rows`` minima
together make one 64-bit band key.

Why 32 bits are enough: two different shingles of one document collide once in 4·10⁹ pairs, and two
documents agree in a band by chance only where ``rows`` minima do. With 32 bits each minimum costs
half of what 64 do, and numpy uses the vector unit for all three operations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np

from gristmill.pipeline.dedup.arrays import GOLDEN, U32, U64, Index, mix
from gristmill.pipeline.dedup.parts import cut_evenly
from gristmill.pipeline.dedup.word_hashes import character_hashes, word_hashes

Unit = Literal["word", "char"]

#: Characters cut into shingles at once, some 60 bytes each; a longer text is taken alone.
_CHARACTERS = 1 << 20
#: Shingles hashed at once: the only temporary, 64 kB, stays in the processor's cache.
_BLOCK = 1 << 14


@dataclass(frozen=True)
class Shingler:
    """Cuts texts into shingles.

    Attributes:
        ngram: units in a shingle.
        unit: ``word`` or ``char``.
    """

    ngram: int = 5
    unit: Unit = "word"

    def __call__(self, texts: Sequence[str]) -> tuple[U32, Index]:
        """Return the shingle hashes of all texts in turn, and how many each has (0 if too short).

        Not a set: a shingle that a text repeats is repeated here.
        """
        found = [
            self._some(texts[run.start : run.stop])
            for run in cut_evenly(list(map(len, texts)), _CHARACTERS)
        ]
        hashes, counts = zip(*found, strict=True)
        return np.concatenate(hashes), np.concatenate(counts)

    def _some(self, texts: Sequence[str]) -> tuple[U32, Index]:
        units, lengths = word_hashes(texts) if self.unit == "word" else character_hashes(texts)
        counts = np.maximum(lengths - self.ngram + 1, 0)
        windows = len(units) - self.ngram + 1
        if windows < 1:
            return np.zeros(0, np.uint32), counts
        total = np.zeros(windows, np.uint64)
        for i in range(self.ngram):
            total *= GOLDEN
            total += units[i : i + windows]
        left = np.repeat(np.cumsum(lengths), lengths)[:windows] - np.arange(windows)
        hashes = (mix(total) >> np.uint64(32)).astype(np.uint32)
        return hashes[left >= self.ngram], counts


def distinct_sets(hashes: U32, counts: Index) -> list[U32]:
    """Return each text's distinct shingle hashes, sorted; arguments as ``Shingler`` gives them."""
    ends = np.cumsum(counts).tolist()
    return [np.unique(hashes[start:end]) for start, end in pairwise([0, *ends])]


@dataclass(frozen=True)
class Family:
    """A family of hash functions, in bands.

    Attributes:
        bands: number of keys a document gets.
        rows: minima that make one key.
        seed: another seed gives other functions.
    """

    bands: int = 14
    rows: int = 8
    seed: int = 1

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that hold the bands' keys."""
        return tuple(f"band_{band:03d}" for band in range(self.bands))

    def band_keys(self, hashes: U32, counts: Index) -> U64:
        """Return (bands, documents) band keys.

        Args:
            hashes: (Σ counts,) shingles, document after document.
            counts: (documents,) shingles of each, at least 1.
        """
        minima = _minima(hashes, counts, *_functions(self.bands * self.rows, self.seed))
        keys = np.empty((self.bands, len(counts)), np.uint64)
        for band in range(self.bands):
            # The band's number goes in first: keys of different bands share a table.
            key = mix(np.full(len(counts), band + 1, np.uint64))
            for row in minima[band * self.rows : (band + 1) * self.rows]:
                key = mix(key * GOLDEN + row)
            keys[band] = key
        return keys


def _minima(hashes: U32, counts: Index, a: U32, b: U32) -> U32:
    """Return (functions, documents) minima of a·x + b over each document's hashes."""
    starts = np.r_[0, np.cumsum(counts)]
    out = np.full((len(a), len(counts)), 0xFFFFFFFF, np.uint32)
    buffer = np.empty(_BLOCK, np.uint32)
    for low in range(0, len(hashes), _BLOCK):
        block = hashes[low : low + _BLOCK]
        value = buffer[: len(block)]
        first = int(np.searchsorted(starts, low, "right")) - 1
        last = int(np.searchsorted(starts, low + len(block), "left"))
        begins = np.maximum(starts[first:last] - low, 0)
        for i in range(len(a)):
            np.multiply(block, a[i], out=value)
            np.add(value, b[i], out=value)
            row = out[i, first:last]
            np.minimum(row, np.minimum.reduceat(value, begins), out=row)
    return out


@lru_cache(maxsize=4)
def _functions(n: int, seed: int) -> tuple[U32, U32]:
    """Multipliers (odd) and offsets of n hash functions."""
    start = np.uint64(seed * 0x632BE59BD9B4E019 & 0xFFFFFFFFFFFFFFFF)
    values = mix(mix(np.arange(2 * n, dtype=np.uint64) + start)) >> np.uint64(32)
    numbers = values.astype(np.uint32)
    return numbers[:n] | np.uint32(1), numbers[n:]
