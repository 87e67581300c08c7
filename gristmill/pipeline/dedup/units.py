"""Texts cut into units (sentences or lines), and hashes of runs of them: spans.

Two units are equal if they are after ``simplify``: lower case, numbers as ``0``, no punctuation or
accents (datatrove's ``simplify_text``; CCNet's normalisation of paragraphs is the same in kind). A
unit reaches to the beginning of the next, so units together are the whole text. What simplifies to
nothing (a blank line, ``* * *``) belongs to the unit before it.

Hashes have 64 bits, as in datatrove and CCNet: among 10¹⁰ different spans fewer than three pairs
are expected to agree by chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Literal

import numpy as np
import xxhash

from gristmill.pipeline.dedup.arrays import GOLDEN, U64, Index, mix
from gristmill.pipeline.dedup.word_hashes import word_hashes
from gristmill.pipeline.text import sentence_starts, simplify

UnitKind = Literal["sentence", "line"]

_ALL = (1 << 64) - 1


@dataclass(frozen=True)
class Spans:
    """Spans of several texts, in the order of the texts and of their beginnings.

    Attributes:
        hashes: (n,) equal for equal spans.
        row: (n,) which text.
        start: (n,) where it begins, in characters.
        end: (n,) where it ends: before the unit that follows.
    """

    hashes: U64
    row: Index
    start: Index
    end: Index


@dataclass(frozen=True)
class SpanCutter:
    """Cuts texts into spans.

    Attributes:
        unit: ``sentence``, a line's end also being a sentence's; or ``line``.
        span: units in a span.
        min_words: spans with fewer are left out; words are counted in the simplified units.
        language: whose rules cut sentences.
    """

    unit: UnitKind = "sentence"
    span: int = 3
    min_words: int = 0
    language: str = "en"

    def units(self, text: str) -> list[tuple[int, str]]:
        """Return where each unit begins, and its simplified form; the first begins at 0."""
        lines = text.splitlines(keepends=True)
        at = np.cumsum([0, *map(len, lines)]).tolist()
        begins: list[int] = at[:-1]
        if self.unit == "sentence":
            within = sentence_starts(text.splitlines(), self.language)
            begins = [start + place for start, places in zip(begins, within, strict=True)
                      for place in places]  # fmt: skip
        forms = [simplify(text[a:b]) for a, b in pairwise([*begins, len(text)])]
        found = [(begin, form) for begin, form in zip(begins, forms, strict=True) if form]
        return [(0, found[0][1]), *found[1:]] if found else []

    def __call__(self, texts: Sequence[str]) -> Spans:
        """Return the spans of all texts."""
        cut = [self.units(text) for text in texts]
        counts = np.array([len(units) for units in cut], np.int64)
        forms = [form for _, form in chain.from_iterable(cut)]
        begins = np.array([begin for begin, _ in chain.from_iterable(cut)], np.int64)
        row = np.repeat(np.arange(len(texts)), counts)
        last = np.cumsum(counts)
        ends = np.r_[begins[1:], 0][: len(begins)]
        ends[last[counts > 0] - 1] = np.array([len(text) for text in texts], np.int64)[counts > 0]
        first = np.flatnonzero(last[row] - np.arange(len(row)) >= self.span)
        if self.min_words:
            before = np.r_[0, np.cumsum(word_hashes(forms)[1])]
            first = first[before[first + self.span] - before[first] >= self.min_words]
        hashes = self._hashes(forms, first)
        return Spans(hashes, row[first], begins[first], ends[first + self.span - 1])

    def _hashes(self, forms: Sequence[str], first: Index) -> U64:
        encoded = (form.encode("utf-8", "surrogatepass") for form in forms)
        units = np.fromiter(map(xxhash.xxh3_64_intdigest, encoded), np.uint64, len(forms))
        total = np.zeros(len(first), np.uint64)
        for i in range(self.span):
            total += mix(units[first + i] + np.uint64(int(GOLDEN) * i & _ALL))
        return mix(total)
