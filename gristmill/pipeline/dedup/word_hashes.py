"""Texts to 64-bit hashes of their units: words, or single characters.

A word is what stands between spaces in the simplified text; a letter of a script without spaces is
a word of its own. datatrove asks spaCy for words, which after simplifying differ in contractions,
units and symbols only (``dont``, ``0km``) and cost most of its time.

Hashes are good against chance, not against an enemy: words of 256 characters can be made up whose
hashes agree. Who does so gets documents of such words dropped, nothing else.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from gristmill.pipeline.dedup.arrays import GOLDEN, U32, U64, Index, mix, take_runs
from gristmill.pipeline.dedup.simple_codes import SPACE, simple_codes, unspaced

#: Words are cut after this many characters: no text can make one word of megabytes.
LONGEST_WORD = 256
#: Code points hashed at once: bounds the temporaries to some 50 MB.
_BLOCK = 1 << 20


def word_hashes(texts: Sequence[str]) -> tuple[U64, Index]:
    """Return the hashes of all words, text after text, and the number of words of each text."""
    codes, ends = simple_codes(texts)
    starts, lengths = _words(codes)
    hashes = np.empty(len(starts), np.uint64)
    first = 0
    while first < len(starts):
        last = int(np.searchsorted(starts, starts[first] + _BLOCK))
        block = slice(first, last)
        hashes[block] = _hash(codes, starts[block], lengths[block])
        first = last
    return hashes, np.diff(np.searchsorted(starts, ends), prepend=0)


def character_hashes(texts: Sequence[str]) -> tuple[U64, Index]:
    """Return the hashes of all characters but spaces, and the number of them in each text."""
    codes, ends = simple_codes(texts)
    at = np.flatnonzero(codes != SPACE)
    hashes = mix(codes[at].astype(np.uint64) + np.uint64(1))
    return hashes, np.diff(np.searchsorted(at, ends), prepend=0)


def _words(codes: U32) -> tuple[Index, Index]:
    """Return where words start, and their lengths."""
    inside = codes != SPACE
    before = np.zeros(len(codes), np.bool_)
    before[1:] = inside[:-1]
    begins = inside & ~before
    if len(codes) and codes.max() > 0xDFF:  # Thai comes first
        alone = unspaced(codes)
        begins |= alone
        begins[1:] |= inside[1:] & alone[:-1]
    starts = np.flatnonzero(begins)
    spaces = np.flatnonzero(~inside)
    # A word ends at the next space, or where the next word starts.
    ends = np.minimum(spaces[np.searchsorted(spaces, starts)], np.append(starts[1:], len(codes)))
    lengths = ends - starts
    if lengths.max(initial=0) <= LONGEST_WORD:
        return starts, lengths
    pieces = -(-lengths // LONGEST_WORD)
    offsets = take_runs(np.zeros(len(pieces), np.int64), pieces) * LONGEST_WORD
    lengths = np.minimum(np.repeat(lengths, pieces) - offsets, LONGEST_WORD)
    return np.repeat(starts, pieces) + offsets, lengths


def _hash(codes: U32, starts: Index, lengths: Index) -> U64:
    """Hash words that lie in order within one block: polynomials in their code points.

    Prefix sums of c·gⁱ give each word's polynomial times g to its place; the inverse of that power
    takes the place out. All modulo 2⁶⁴, where odd numbers have inverses.
    """
    low, high = int(starts[0]), int(starts[-1] + lengths[-1])
    powers, inverses = _powers()
    sums = np.zeros(high - low + 1, np.uint64)
    terms = mix(codes[low:high].astype(np.uint64) + np.uint64(1))
    np.cumsum(terms * powers[: high - low], out=sums[1:])
    at = starts - low
    value = (sums[at + lengths] - sums[at]) * inverses[at]
    return mix(value ^ lengths.astype(np.uint64))


@lru_cache(maxsize=1)
def _powers() -> tuple[U64, U64]:
    size = _BLOCK + LONGEST_WORD
    inverse = np.uint64(pow(int(GOLDEN), -1, 1 << 64))
    return _geometric(GOLDEN, size), _geometric(inverse, size)


def _geometric(ratio: np.uint64, size: int) -> U64:
    factors = np.full(size, ratio, np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)
