"""Shingles and MinHash signatures of one text."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import xxhash

from gristmill.pipeline.text import simplify, words

U64 = npt.NDArray[np.uint64]

#: Permutations computed at once: bounds the temporary at 16 × n-grams × 8 bytes.
_BLOCK = 16


def shingles(text: str, ngram: int) -> U64:
    """Return the distinct hashes of a text's word n-grams, sorted; empty for short texts.

    A word is hashed once; an n-gram's hash is a polynomial of its words' hashes, mixed.
    """
    tokens = words(simplify(text))
    n = len(tokens) - ngram + 1
    if n < 1:
        return np.zeros(0, np.uint64)
    hashed = np.fromiter((xxhash.xxh64_intdigest(w) for w in tokens), np.uint64, len(tokens))
    total = np.zeros(n, np.uint64)
    for i in range(ngram):
        total *= np.uint64(0x9E3779B97F4A7C15)
        total += hashed[i : i + n]
    return np.unique(_mix(total))


def signature(hashes: U64, bands: int, rows: int, seed: int) -> U64:
    """Return (bands,) 64-bit band keys of a document's shingle hashes (n,), n ≥ 1."""
    a, b = _family(bands * rows, seed)
    minima = np.empty(bands * rows, np.uint64)
    for start in range(0, len(minima), _BLOCK):
        block = slice(start, start + _BLOCK)
        minima[block] = (np.multiply.outer(a[block], hashes) + b[block, None]).min(axis=1)
    key = np.zeros(bands, np.uint64)
    for column in minima.reshape(bands, rows).T:
        key = _mix(key * np.uint64(0x9E3779B97F4A7C15) + column)
    return key


@lru_cache(maxsize=4)
def _family(n: int, seed: int) -> tuple[U64, U64]:
    """Multipliers (odd) and offsets of n hash functions x → a·x + b mod 2⁶⁴."""
    start = np.uint64(seed * 0x632BE59BD9B4E019 & 0xFFFFFFFFFFFFFFFF)
    counter = np.arange(2 * n, dtype=np.uint64) + start
    values = _mix(_mix(counter))
    return values[:n] | np.uint64(1), values[n:]


def _mix(x: U64) -> U64:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): a bijection, all bits spread."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
