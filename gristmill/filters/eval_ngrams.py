"""Which word n-grams of a text stand in evaluation items, and in which of them most.

N-grams are compared by 64-bit hashes, not by text: of 10^12 n-grams of a corpus against 10^6 of
evaluation sets, 0.05 are expected to be taken for another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from gristmill.filters.eval_files import EvalFile
from gristmill.filters.eval_words import U64, hashed, windows, words
from gristmill.pipeline.dedup.arrays import look_up

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

#: An n-gram in so many items of a file or fewer is never taken for the file's template.
FEW_ITEMS = 10
_BETWEEN = np.uint64(xxhash.xxh3_64_intdigest(b"\n"))  # between two documents: no word has it
_GROUP_WORDS = 1 << 18  # words looked up together; a longer document is looked up whole


@dataclass(frozen=True)
class Rules:
    """What counts as an n-gram of an item.

    Attributes:
        ngram: words in one.
        min_words: a text shorter than ``ngram`` counts as one n-gram if it has so many words.
        template_share: an n-gram in more than this share of a file's items, and in more than
            ``FEW_ITEMS`` of them, is no n-gram of any; None: all count.
    """

    ngram: int
    min_words: int
    template_share: float | None

    @property
    def shortest(self) -> int:
        """Fewest words of an n-gram."""
        return min(self.ngram, self.min_words)


@dataclass(frozen=True)
class Counts:
    """What became of one evaluation file.

    Attributes:
        name: of the file.
        sha256: of the file.
        items: lines in it.
        unused: items without an n-gram that counts, which are never found.
        templates: n-grams left out because too many items have them.
    """

    name: str
    sha256: str
    items: int
    unused: int
    templates: int


@dataclass(frozen=True)
class Hit:
    """What of the evaluation sets stands in a text.

    Attributes:
        ngrams: distinct n-grams that some item has too.
        share: of the item that is there most: its n-grams in the text / all its n-grams.
        item: that item as ``file:line``; None where ``ngrams`` is 0.
    """

    ngrams: int = 0
    share: float = 0.0
    item: str | None = None


@dataclass(frozen=True)
class EvalIndex:
    """The n-grams of evaluation items.

    Attributes:
        hashes: (n,) distinct n-grams, sorted.
        first: (n + 1,) where the items of each n-gram begin in ``members``.
        members: numbers of items, by n-gram.
        sizes: (items,) distinct n-grams of each item.
        labels: (items,) ``file:line``.
        heads: first words of every n-gram, ``lengths[0]`` of them, sorted; ``hashes`` too.
        lengths: fewest and most words of an n-gram.
        seen: (2^bits,) whether any head begins with these bits: a look-up that spares most others.
        files: what became of each file.
    """

    hashes: U64
    first: Ints
    members: Ints
    sizes: Ints
    labels: tuple[str, ...]
    heads: U64
    lengths: tuple[int, int]
    seen: Bools
    files: tuple[Counts, ...]

    def find(self, texts: Sequence[str]) -> list[Hit]:
        """Return what stands in each text. Time and memory are linear in their length."""
        found: list[Hit] = []
        group: list[U64] = []
        size = 0
        for text in texts:
            group.append(hashed(words(text)))
            size += len(group[-1])
            if size > _GROUP_WORDS:
                found += self._find(group)
                group, size = [], 0
        return found + self._find(group)

    def _find(self, documents: list[U64]) -> list[Hit]:
        """Look up the n-grams of several documents at once."""
        hits = [Hit()] * len(documents)
        if not documents:
            return hits
        stream = np.concatenate([np.append(words, _BETWEEN) for words in documents])
        ends = np.cumsum([len(words) + 1 for words in documents])
        places, entries = [], []
        for length, grams in windows(stream, self.lengths[1]):
            if length < self.lengths[0]:
                continue
            if length == self.lengths[0]:
                at = np.flatnonzero(self.seen[grams >> _shift(self.seen)])
                at = at[look_up(grams[at], self.heads)[1]]
            at = at[at < len(grams)]
            if not len(at):
                break
            entry, same = look_up(grams[at], self.hashes)
            places.append(at[same])
            entries.append(entry[same])
        document = np.searchsorted(ends, _joined(places), side="right")
        order = np.argsort(document, kind="stable")
        numbers, first = np.unique(document[order], return_index=True)
        for number, own in zip(numbers, np.split(_joined(entries)[order], first[1:]), strict=False):
            hits[number] = self._best(np.unique(own))
        return hits

    def _best(self, entries: Ints) -> Hit:
        """Return the item of which most is there; of equals that with most n-grams, then order."""
        start, n = self.first[entries], self.first[entries + 1] - self.first[entries]
        within = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        items, there = np.unique(self.members[np.repeat(start, n) + within], return_counts=True)
        share = there / self.sizes[items]
        best = np.lexsort((items, -there, -share))[0]
        return Hit(len(entries), float(share[best]), self.labels[items[best]])


def build_index(files: Sequence[EvalFile], rules: Rules) -> EvalIndex:
    """Index the n-grams of evaluation files."""
    parts: list[tuple[U64, U64, Ints]] = []
    labels: list[str] = []
    counts = []
    for file in files:
        heads, grams, owners = _ngrams([texts for _, texts in file.items], rules)
        grams, owners, templates = _without_templates(grams, owners, len(file.items), rules)
        unused = len(file.items) - len(np.unique(owners))
        counts.append(Counts(file.name, file.sha256, len(file.items), unused, templates))
        parts.append((heads, grams, owners + len(labels)))
        labels += [f"{file.name}:{line}" for line, _ in file.items]
    heads = np.unique(_joined([part[0] for part in parts], np.uint64))
    every = _joined([part[1] for part in parts], np.uint64)
    members = _joined([part[2] for part in parts])
    order = np.lexsort((members, every))
    distinct, first = np.unique(every[order], return_index=True)
    seen = np.zeros(1 << min(max(len(heads).bit_length() + 4, 10), 26), np.bool_)
    seen[heads >> _shift(seen)] = True
    return EvalIndex(
        hashes=distinct,
        first=np.append(first, len(every)),
        members=members[order],
        sizes=np.bincount(members, minlength=len(labels)),
        labels=tuple(labels),
        heads=heads,
        lengths=(rules.shortest, rules.ngram),
        seen=seen,
        files=tuple(counts),
    )


def _ngrams(items: Sequence[tuple[str, ...]], rules: Rules) -> tuple[U64, U64, Ints]:
    """Return the distinct (n-gram, item) pairs of a file, after the heads of these n-grams.

    An n-gram of fewer distinct words than half its words says nothing: rows of numbers, laughter.
    """
    texts, owners = _texts(items, rules.shortest)
    stream, sizes = _joined(texts, np.uint64), np.array([len(text) for text in texts], np.int64)
    starts, text_of = np.cumsum(sizes) - sizes, np.repeat(np.arange(len(texts)), sizes)
    room = (starts + sizes)[text_of] - np.arange(len(stream))  # words left in the text
    before = _previous(stream)
    heads, grams, places = [], [], []
    for length, hashes in windows(stream, rules.ngram):
        if length < rules.shortest:
            continue
        if length == rules.shortest:
            head = hashes
        at = starts[sizes == length] if length < rules.ngram else np.flatnonzero(room >= length)
        distinct = sum(before[at + i] < at for i in range(length))
        at = at[2 * distinct >= length]
        heads.append(head[at])
        grams.append(hashes[at])
        places.append(at)
    found = _joined(grams, np.uint64)
    owner = owners[text_of[_joined(places)]]
    order = np.lexsort((owner, found))
    found, owner = found[order], owner[order]
    again = (found[1:] == found[:-1]) & (owner[1:] == owner[:-1])
    new = np.append(np.ones(len(found[:1]), np.bool_), ~again)
    return _joined(heads, np.uint64), found[new], owner[new]


def _texts(items: Sequence[tuple[str, ...]], shortest: int) -> tuple[list[U64], Ints]:
    """Return the words' hashes of each text, and the number of its item."""
    texts: list[U64] = []
    owners: list[int] = []
    for number, item in enumerate(items):
        split = [words(text) for text in item]
        if max(map(len, split), default=0) < shortest:  # then all of it, as one text
            split = [[word for part in split for word in part]]
        texts += map(hashed, split)
        owners += [number] * len(split)
    return texts, np.array(owners, np.int64)


def _without_templates(grams: U64, owners: Ints, items: int, rules: Rules) -> tuple[U64, Ints, int]:
    """Leave out n-grams that too many items of a file have; return also how many these are."""
    if rules.template_share is None:
        return grams, owners, 0
    _, which, times = np.unique(grams, return_inverse=True, return_counts=True)
    template = times > max(FEW_ITEMS, rules.template_share * items)
    keep = ~template[which]
    return grams[keep], owners[keep], int(template.sum())


def _shift(table: Bools) -> np.uint64:
    """By how much to shift a hash for its place in a table of 2^bits."""
    return np.uint64(65 - len(table).bit_length())


def _previous(stream: U64) -> Ints:
    """Return where each word stood last before, or -1."""
    before = np.full(len(stream), -1, np.int64)
    order = np.argsort(stream, kind="stable")
    same = stream[order[1:]] == stream[order[:-1]]
    before[order[1:][same]] = order[:-1][same]
    return before


def _joined(parts: Sequence[npt.NDArray[Any]], kind: type[np.generic] = np.int64) -> Any:
    return np.concatenate([np.zeros(0, kind), *parts])
