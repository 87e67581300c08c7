"""Synthetic documents with near-copies: a corpus of any size for scale, pairs of known similarity.

``Corpus``: document i is a function of (seed, i), so a shard is made without any other, memory is
that of one shard, and the first million documents of sixteen million are the corpus of one million.
Four in five documents are originals of 40 to 60 words; one in five is an earlier document's
original with 0 to 6 words replaced, about; one in a hundred is one boilerplate text of 120 words,
with a word or so replaced in half of them. Words are drawn with probability 1/rank, about, and
spelt from syllables, so that every tokenizer takes them as they are.

``planted``: two documents and the Jaccard similarity of their word 5-grams, counted, not assumed.

    python benchmarks/near_copies.py --docs 1000000 --out FOLDER      # Parquet: id, text
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

U64 = npt.NDArray[np.uint64]
Ids = npt.NDArray[np.int64]

SHARD_DOCS = 50_000
VOCABULARY = 50_000
NGRAM = 5
MEAN_WORDS = 51  # 50 but for boilerplate

#: The original of all boilerplate; no document has this number.
BOILERPLATE = np.uint64(1 << 63)
_BOILERPLATE_WORDS = 120
_SHORTEST, _LENGTHS = 40, 21
_EDITS = 7
_GROUP_ROWS = 10_000

# No w: "weve" is two words to spaCy.
_SYLLABLES = [c + v for c in "bcdfghjklmnpqrstvxyz" for v in "aeiou"]


def spell(number: int) -> str:
    """Return a word of two or more syllables, another one for each number."""
    high, low = divmod(number, len(_SYLLABLES))
    head = spell(high) if high >= len(_SYLLABLES) else _SYLLABLES[high]
    return head + _SYLLABLES[low]


@dataclass(frozen=True)
class Corpus:
    """A corpus of documents numbered from 0, each a function of its number."""

    seed: int = 1
    copies: float = 0.2
    boilerplate: float = 0.01

    def originals(self, docs: U64) -> U64:
        """Return the document that each is a near-copy of: itself, an earlier one, BOILERPLATE."""
        out = docs.copy()
        active = np.arange(len(docs))
        while len(active):
            now = out[active]
            kind = _uniform(self._hash(now, 1))
            boilerplate = kind < self.boilerplate
            copy = ~boilerplate & (kind < self.boilerplate + self.copies) & (now > 0)
            out[active[boilerplate]] = BOILERPLATE
            active, now = active[copy], now[copy]
            out[active] = self._hash(now, 2) % np.maximum(now, np.uint64(1))
        return out

    def texts(self, docs: U64) -> pa.StringArray:
        """Return the texts of documents."""
        roots = self.originals(docs)
        fixed = roots == BOILERPLATE
        own = _SHORTEST + (self._hash(roots, 3) % np.uint64(_LENGTHS)).astype(np.int64)
        lengths = np.where(fixed, _BOILERPLATE_WORDS, own)
        most = np.where(fixed, 2, _EDITS).astype(np.uint64)
        edits = np.where(roots == docs, 0, self._hash(docs, 4) % most)
        doc = np.repeat(docs, lengths)
        ends = np.cumsum(lengths)
        at = (np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)).astype(np.uint64)
        edited = _uniform(self._hash(doc, 5, at)) < np.repeat(edits / lengths, lengths)
        owner = np.where(edited, doc, np.repeat(roots, lengths))
        # floor(N ** u) has probability log(1 + 1/k) of k, which is 1/k, about.
        rank = np.exp(_uniform(self._hash(owner, 6, at)) * np.log(VOCABULARY)).astype(np.int64) - 1
        words = _vocabulary().take(pa.array(rank))
        lists = pa.ListArray.from_arrays(pa.array(np.r_[0, ends], pa.int32()), words)
        return pc.binary_join(lists, " ")

    def _hash(self, numbers: U64, what: int, at: U64 | int = 0) -> U64:
        key = np.uint64((self.seed << 8 | what) * 0x632BE59BD9B4E019 & 0xFFFFFFFFFFFFFFFF)
        return _mix(_mix(numbers ^ key) + np.asarray(at, np.uint64) * np.uint64(0x9E3779B97F4A7C15))


def _mix(x: U64) -> U64:
    """The finaliser of splitmix64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _uniform(hashes: U64) -> npt.NDArray[np.float64]:
    return (hashes >> np.uint64(11)).astype(np.float64) / (1 << 53)


def _vocabulary() -> pa.StringArray:
    return pa.array([spell(k) for k in range(VOCABULARY)])


def write_corpus(corpus: Corpus, docs: int, folder: Path) -> list[Path]:
    """Write what is missing of a corpus; return its shards, those of smaller corpora first."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for start in range(0, docs, SHARD_DOCS):
        stop = min(start + SHARD_DOCS, docs)
        name = f"{start // SHARD_DOCS:05d}"
        if stop - start < SHARD_DOCS:
            name += f"-{stop - start}"
        path = folder / f"{name}.parquet"
        if not path.exists():
            _write_shard(corpus, start, stop, path)
        paths.append(path)
    return paths


def _write_shard(corpus: Corpus, start: int, stop: int, path: Path) -> None:
    temp = path.with_suffix(".tmp")
    schema = pa.schema([("id", pa.string()), ("text", pa.string())])
    with pq.ParquetWriter(temp, schema, compression="zstd") as out:
        for low in range(start, stop, _GROUP_ROWS):
            docs = np.arange(low, min(low + _GROUP_ROWS, stop), dtype=np.uint64)
            columns = [pa.array(docs).cast(pa.string()), corpus.texts(docs)]
            out.write_table(pa.table(columns, schema=schema))
    os.replace(temp, path)


@dataclass(frozen=True)
class Pair:
    """Two documents and how alike they are."""

    first: str
    second: str
    jaccard: float


def planted(target: float, draw: np.random.Generator) -> Pair:
    """Return a pair whose similarity is somewhere near ``target``, and exactly ``jaccard``.

    A document of 150 to 300 words, and the same with words replaced or inserted at random places.
    """
    words = [spell(k) for k in draw.integers(0, VOCABULARY, draw.integers(150, 301)).tolist()]
    # An edit breaks 5 shingles (a word replaced) or 4 (inserted), fewer where two edits are near.
    broken = (1 - target) / (1 + target)
    edits = len(words) * (1 - (1 - broken) ** (1 / 4.75)) + (draw.random() - 0.5 if broken else 0)
    other = list(words)
    places = draw.choice(len(words), max(0, round(edits)), replace=False).tolist()
    for at in sorted(places, reverse=True):
        new = spell(int(draw.integers(0, VOCABULARY)))
        if draw.random() < 0.5:
            other[at] = new
        else:
            other.insert(at, new)
    return Pair(" ".join(words), " ".join(other), jaccard(words, other))


def jaccard(a: Sequence[str], b: Sequence[str], ngram: int = NGRAM) -> float:
    """Return the Jaccard similarity of two documents' sets of word n-grams; 0 for two empty ones.

    >>> jaccard("a b c d".split(), "a b c e".split(), 2)
    0.5
    """
    one, two = (set(zip(*(words[i:] for i in range(ngram)), strict=False)) for words in (a, b))
    return len(one & two) / len(one | two) if one or two else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--docs", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    write_corpus(Corpus(args.seed), args.docs, args.out)


if __name__ == "__main__":
    main()
