"""The words by which documents and evaluation items are compared, as hashes.

A word is what is left between spaces once case, accents and punctuation are gone and every number
is ``0`` (``simplify``, as datatrove 0.10.1 compares texts in ``NGramsDecontFilter``; Brown et al.
2020, arXiv 2005.14165, appendix C, ignore case and punctuation too). Items reach the web retyped
and reformatted: what is dropped here is what changes on the way. No tokenizer, because it would cut
a word by what stands beside it. Characters of scripts that write no spaces are words of their own.
Both sides go through this code.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import xxhash

from gristmill.pipeline.text import simplify

U64 = npt.NDArray[np.uint64]

# Thai, Lao, Tibetan, Myanmar, Khmer, Kana, Han.
_UNSPACED = "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, 2^64 over the golden ratio
_KNOWN_WORDS = 1 << 17  # remembered with their hashes


def words(text: str) -> list[str]:
    """Return the words by which texts are compared.

    >>> words("The MILL’s wheel: 12,5 m!")
    ['the', 'mill', 's', 'wheel', '0', 'm']
    """
    plain = simplify(text)
    return plain.split() if plain.isascii() else _WORD.findall(plain)


class _Hashes(dict[str, int]):
    """Words' hashes, remembered: words come again, and this is cheaper than ``lru_cache``."""

    def __missing__(self, word: str) -> int:
        if len(self) >= _KNOWN_WORDS:
            self.clear()
        found = self[word] = xxhash.xxh3_64_intdigest(word.encode("utf-8", "surrogatepass"))
        return found


_hashes = _Hashes()


def hashed(words: Sequence[str]) -> U64:
    """Return (n,) 64-bit hashes of n words."""
    return np.fromiter(map(_hashes.__getitem__, words), np.uint64, len(words))


def windows(stream: U64, longest: int) -> Iterator[tuple[int, U64]]:
    """Yield (n, hashes of all n-grams) for n = 1 to ``longest``: polynomials of words' hashes."""
    grams = stream
    yield 1, grams
    for length in range(2, min(longest, len(stream)) + 1):
        grams = grams[:-1] * _MULTIPLIER + stream[length - 1 :]
        yield length, grams
