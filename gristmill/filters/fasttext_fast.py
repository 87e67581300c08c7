"""fastText's language scores, the same bits, in half the time and less.

fastText spends its time on character n-grams: it builds each one as a string, hashes it and looks
it up, three for each character. Here new words are hashed together, as one array, and the rows of
short words are remembered. The rest is done in its order and its precision: rows are summed one
by one in 32 bits, and the tree of labels is walked with the C library's ``expf``. How many labels
one asks for hardly matters, here or there.

Serves models with hierarchical softmax and character n-grams, which lid.176 is.
"""

import ctypes
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gristmill.filters.fasttext_file import (
    HIERARCHICAL_SOFTMAX,
    Dictionary,
    read_matrices,
)

Ids = npt.NDArray[np.int32]
Hashes = npt.NDArray[np.uint32]

#: fastText adds this before it takes a logarithm, so a score is a little too high.
_EPSILON = 1e-5
_FNV_START, _FNV_PRIME = 2166136261, np.uint32(16777619)
#: A first, small table says for most n-grams that they were pruned: it stays in the cache.
_SIEVE = np.uint32((1 << 18) - 1)
_END = b"</s>"
#: So many words are remembered, of so many bytes at most: sentences without spaces do not recur.
_MEMO_WORDS, _MEMO_BYTES = 200_000, 24
_WORDS = 1000  # at once: more would not fit into the cache

_expf = ctypes.CDLL(None).expf  # numpy's exp rounds otherwise, and differs between processors
_expf.restype, _expf.argtypes = ctypes.c_float, (ctypes.c_float,)


class FastScorer:
    """One model, ready to score texts."""

    def __init__(self, path: Path, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        self._rows, output = read_matrices(path, dictionary)
        self._inner = np.ascontiguousarray(output[: len(dictionary.labels) - 1])
        self._children = _tree(dictionary.counts)
        self._word = {word: i for i, word in enumerate(dictionary.words)}
        end = [self._word[_END]] if _END in self._word else []
        self._end = np.array(end, np.int32).tobytes()
        self._memo: dict[bytes, bytes] = {}
        self._table: Ids | None = None
        if dictionary.kept is not None:
            bucket, row = dictionary.kept.T
            self._table = np.full(dictionary.buckets, -1, np.int32)
            self._table[bucket] = row + len(dictionary.words)
            self._sieve = np.zeros(int(_SIEVE) + 1, np.bool_)
            self._sieve[bucket.astype(np.uint32) & _SIEVE] = True

    def scores(self, texts: Sequence[bytes], above: float) -> list[list[tuple[str, float]]]:
        """Return, for each text, every label that scores above a limit, best first.

        Args:
            texts: UTF-8, without the tokens that :func:`plain` names; line ends are spaces.
            above: labels at or below it are left out, but the best is always there.
        """
        if not texts:
            return []
        from scipy.sparse import csr_array  # half a second: only when it is needed

        ids = self._rows_of(texts)
        ends = np.cumsum([0, *map(len, ids)])
        flat = np.concatenate(ids)
        counts = csr_array(
            (np.ones(len(flat), np.float32), flat, ends), shape=(len(texts), len(self._rows))
        )
        share = (1.0 / np.diff(ends)).astype(np.float32)
        hidden = (counts @ self._rows) * share[:, None]
        # One column at a time: fastText's order of additions.
        margins = np.zeros((len(texts), len(self._inner)), np.float32)
        for k in range(hidden.shape[1]):
            margins += hidden[:, k, None] * self._inner[:, k]
        return [self._best_first((-row).tolist(), above) for row in margins]

    def _rows_of(self, texts: Sequence[bytes]) -> list[Ids]:
        """Return for each text the rows whose mean it is, in fastText's order."""
        tokens = [text.replace(b"\0", b" ").split() for text in texts]
        parts = [list(map(self._memo.get, words)) for words in tokens]
        fresh = self._fresh(
            word
            for words, found in zip(tokens, parts, strict=True)
            if None in found
            for word, rows in zip(words, found, strict=True)
            if rows is None
        )
        known = (
            [fresh[w] if r is None else r for w, r in zip(words, found, strict=True)]
            for words, found in zip(tokens, parts, strict=True)
        )
        return [np.frombuffer(b"".join([*rows, self._end]), np.int32) for rows in known]

    def _fresh(self, words: Iterable[bytes]) -> dict[bytes, bytes]:
        """Work out the rows of words that are not known yet; remember the short ones."""
        new = list(dict.fromkeys(words))
        fresh: dict[bytes, bytes] = {}
        for i in range(0, len(new), _WORDS):
            part = new[i : i + _WORDS]
            fresh.update(zip(part, self._rows_of_words(part), strict=True))
        if len(self._memo) > _MEMO_WORDS:
            self._memo.clear()
        self._memo.update((w, rows) for w, rows in fresh.items() if len(w) <= _MEMO_BYTES)
        return fresh

    def _rows_of_words(self, words: list[bytes]) -> list[bytes]:
        """Return the rows of some words as bytes: of the word itself, then of its n-grams."""
        d = self.dictionary
        points = np.frombuffer(
            (b"<" + b"> <".join(words) + b">").decode().encode("utf-32-le"), np.uint32
        )
        spaces = np.flatnonzero(points == 32)
        starts = np.append(0, spaces + 1)
        # For each character where its word ends; for a space, itself: no n-gram begins there.
        stops = np.append(spaces, len(points))
        ends = np.repeat(stops, np.diff(stops, prepend=-1))
        grid = np.full((len(points), d.max_chars - d.min_chars + 2), -1, np.int32)
        grid[starts, 0] = np.fromiter(map(self._word.get, words, repeat(-1)), np.int32, len(words))
        for length, hashes in self._ngrams(points):
            at, rows = self._look_up(hashes)
            inside = at + length <= ends[at]
            grid[at[inside], length - d.min_chars + 1] = rows[inside]
        there = grid >= 0
        counts = np.add.reduceat(there.sum(axis=1), starts)
        cuts = [0, *(4 * np.cumsum(counts)).tolist()]
        flat = grid[there].tobytes()
        return [flat[a:b] for a, b in pairwise(cuts)]

    def _ngrams(self, points: Hashes) -> Iterator[tuple[int, Hashes]]:
        """Yield (length, hash of the n-gram that begins at each character): FNV-1a of its bytes.

        fastText extends the sign of each byte; so does this.
        """
        first, more = _utf8(points)
        hashes = np.full(len(points), _FNV_START, np.uint32)
        for length in range(1, min(self.dictionary.max_chars, len(points)) + 1):
            before = length - 1
            hashes = (hashes[: len(points) - before] ^ first[before:]) * _FNV_PRIME
            for at, byte in more:
                since = np.searchsorted(at, before)
                place = at[since:] - before
                hashes[place] = (hashes[place] ^ byte[since:]) * _FNV_PRIME
            if length >= self.dictionary.min_chars:
                yield length, hashes

    def _look_up(self, hashes: Hashes) -> tuple[npt.NDArray[np.intp], Ids]:
        """Return which n-grams the model has, and their rows."""
        size = np.uint32(self.dictionary.buckets)
        buckets = hashes - hashes // size * size  # numpy divides faster than it takes remainders
        if self._table is None:
            rows = buckets.astype(np.int32) + np.int32(len(self.dictionary.words))
            return np.arange(len(hashes)), rows
        at = np.flatnonzero(self._sieve[buckets & _SIEVE])
        rows = self._table[buckets[at]]
        known = rows >= 0
        return at[known], rows[known]

    def _best_first(self, margins: list[float], above: float) -> list[tuple[str, float]]:
        """Return the labels that score above the limit, or else the best one."""
        found = self._walk(margins, above)
        if not found:  # scores sum to 1, so one of n is at least 1/n
            found = sorted(self._walk(margins, 0.99 / len(self.dictionary.labels)))[:1]
        return [(self.dictionary.labels[leaf], -score) for score, leaf in sorted(found)]

    def _walk(self, margins: list[float], above: float) -> list[tuple[float, int]]:
        """Return (-score, leaf) above the limit; branches that cannot reach it are not entered."""
        n = len(self.dictionary.labels)
        # Each step down may add up to _EPSILON, so the limit is a little lower for branches.
        limit = math.log(above) - n * 2 * _EPSILON if above else -math.inf
        f32, found = np.float32, []
        todo = [(2 * n - 2, f32(0.0))]
        while todo:
            node, score = todo.pop()
            if score < limit:
                continue
            if node < n:
                value = _expf(score)
                if value > above:
                    found.append((-value, node))
                continue
            left, right = self._children[node - n]
            share = float(f32(1.0 / float(f32(1.0) + f32(_expf(margins[node - n])))))
            rest = float(f32(1.0 - share))
            todo.append((left, score + f32(math.log(rest + _EPSILON))))
            todo.append((right, score + f32(math.log(share + _EPSILON))))
        return found


def serves(dictionary: Dictionary) -> bool:
    """Tell whether :class:`FastScorer` knows this kind of model."""
    return (
        dictionary.loss == HIERARCHICAL_SOFTMAX
        and dictionary.word_ngrams == 1
        and 2 <= dictionary.min_chars <= dictionary.max_chars
        and len(dictionary.labels) > 1
    )


def plain(text: bytes) -> bool:
    """Tell whether a text has none of the words that fastText takes for marks of its own."""
    return _END not in text and b"__label__" not in text


def _utf8(points: Hashes) -> tuple[Hashes, list[tuple[npt.NDArray[np.intp], Hashes]]]:
    """Encode characters.

    Returns:
        The first byte of each, and for the second, third and fourth byte (which characters have
        one, the bytes), all with their signs extended to 32 bits.
    """
    first, more = points, []
    at = np.flatnonzero(points >= 0x80)
    if len(at):
        first = points.copy()
        wide = points[at]
        size = 2 + (wide >= 0x800) + (wide >= 0x10000)  # bytes
        lead = np.array([0, 0, 0xC0, 0xE0, 0xF0], np.uint32)[size]
        first[at] = _signed(lead | wide >> (6 * (size - 1)).astype(np.uint32))
        for k in range(1, int(size.max())):
            has = size > k
            shift = (6 * (size[has] - 1 - k)).astype(np.uint32)
            more.append((at[has], _signed(0x80 | wide[has] >> shift & 0x3F)))
    return first, more


def _signed(values: npt.NDArray[Any]) -> Hashes:
    return (values | 0xFFFFFF00).astype(np.uint32)


def _tree(counts: Sequence[int]) -> list[tuple[int, int]]:
    """Build the Huffman tree of the labels, which stand by falling count, as fastText does.

    Returns:
        (left, right) of each inner node, the root last. Leaves are 0 … n - 1, inner nodes follow.
    """
    n = len(counts)
    weight = [*counts, *[10**15] * (n - 1)]
    children = []
    leaf, inner = n - 1, n
    for node in range(n, 2 * n - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and weight[leaf] < weight[inner]:
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(inner)
                inner += 1
        children.append((pair[0], pair[1]))
        weight[node] = weight[pair[0]] + weight[pair[1]]
    return children
