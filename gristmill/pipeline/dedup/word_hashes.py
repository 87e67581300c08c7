"""Texts to 64-bit hashes of their units: words, or characters where words have no spaces.

A text is cut at whitespace and each chunk's words are looked up in a memory, so that a word is
simplified, tokenised and hashed once, not once in every document. The memory is pure: it changes
no answer, and is thrown away when it has grown too large.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

import numpy as np
import xxhash

from gristmill.pipeline.dedup.arrays import U64, Index, mix, take_runs
from gristmill.pipeline.text import simplified_words, simplify

#: A memory is left behind when it holds this many chunks or characters (about 100 MB).
_MAX_CHUNKS = 500_000
_MAX_CHARACTERS = 1 << 24


class _Numbering(dict[str, int]):
    """Chunk → number; an unknown chunk gets the next one and is put on the list of new ones."""

    def __init__(self) -> None:
        self.new: list[str] = []

    def __missing__(self, chunk: str) -> int:
        number = self[chunk] = len(self)
        self.new.append(chunk)
        return number


class WordHashes:
    """Hashes of the words of simplified texts, with a memory from chunk to hashes."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._forget()

    def _forget(self) -> None:
        self._numbers = _Numbering()
        self._starts = np.zeros(1, np.int64)  # words of chunk i: _hashes[_starts[i]:_starts[i+1]]
        self._hashes = np.zeros(0, np.uint64)
        self._characters = 0

    def __call__(self, texts: Sequence[str]) -> tuple[U64, Index]:
        """Return the hashes of all words, text after text, and the number of words of each text."""
        if len(self._numbers) > _MAX_CHUNKS or self._characters > _MAX_CHARACTERS:
            self._forget()
        if not texts:
            return np.zeros(0, np.uint64), np.zeros(0, np.int64)
        parts = [text.split() for text in texts]
        numbers = np.fromiter(map(self._numbers.__getitem__, chain.from_iterable(parts)), np.int64)
        self._learn()
        starts = self._starts[numbers]
        lengths = self._starts[numbers + 1] - starts
        hashes = self._hashes[take_runs(starts, lengths)]
        ends = np.r_[0, np.cumsum(lengths)][np.cumsum([len(part) for part in parts])]
        return hashes, np.diff(ends, prepend=0)

    def _learn(self) -> None:
        new, self._numbers.new = self._numbers.new, []
        if not new:
            return
        self._characters += sum(map(len, new))
        words = simplified_words(new, self._language)
        lengths = np.fromiter(map(len, words), np.int64, len(words))
        hashes = map(xxhash.xxh3_64_intdigest, chain.from_iterable(words))
        self._starts = np.r_[self._starts, self._starts[-1] + np.cumsum(lengths)]
        self._hashes = np.r_[self._hashes, np.fromiter(hashes, np.uint64)]


@lru_cache(maxsize=4)
def word_hashes(language: str) -> WordHashes:
    """Return this process's hashes of one language."""
    return WordHashes(language)


def character_hashes(texts: Sequence[str]) -> tuple[U64, Index]:
    """Return hashes of the characters of simplified texts, spaces left out; and their numbers."""
    dense = [simplify(text).replace(" ", "") for text in texts]
    encoded = "".join(dense).encode("utf-32-le", "surrogatepass")
    points = np.frombuffer(encoded, "<u4").astype(np.uint64)
    return mix(points + np.uint64(1)), np.fromiter(map(len, dense), np.int64, len(dense))
