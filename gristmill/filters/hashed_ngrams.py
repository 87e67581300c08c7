"""A small text classifier of our own: logistic regression on hashed words and word pairs.

Why not fastText's trainer: it fills only part of its matrix and leaves the rest to chance (its
issues 1061 and 935), and its threads race, so that no two runs give the same model. This one gives
the same bytes for the same texts, whatever their order, the number of processors or the hash seed.

A model file is a magic line, a line of JSON and 2^bits weights (32-bit floats, little-endian).
"""

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

MAGIC = b"gristmill classifier 1\n"
#: What the two sets are called, as DCLM calls them: high quality, and common crawl.
LABELS = ("hq", "cc")

_TOKEN = re.compile(r"\w+|[^\w\s]")
_PAIR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads any two hashes
_RATE, _TINY = 0.3, 1e-8

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HashedNgrams:
    """A trained classifier.

    Attributes:
        weights: (2^bits,) one for each hash of a word or a pair of words.
        bias: added to each text's sum.
        held_out: share of texts that training left out; see :func:`is_held_out`.
        docs: texts trained on, by label.
    """

    weights: npt.NDArray[np.float32]
    bias: float
    held_out: float
    docs: dict[str, int]

    def score(self, text: str) -> float | None:
        """Return how probably a text is of the good set, were both of one size; None: no word."""
        found = features(text, _bits(self.weights))
        if not len(found):
            return None
        return _logistic(
            self.bias + float(self.weights[found].sum(dtype=np.float64)) * _scale(found)
        )

    def to_bytes(self) -> bytes:
        """The content of a model file."""
        head = {"bias": self.bias, "docs": self.docs, "held_out": self.held_out,
                "bits": _bits(self.weights)}  # fmt: skip
        line = json.dumps(head, sort_keys=True).encode() + b"\n"
        return MAGIC + line + self.weights.astype("<f4").tobytes()


def load(path: Path) -> HashedNgrams:
    """Read a model file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none, or damaged.
    """
    data = path.read_bytes()
    if not data.startswith(MAGIC):
        raise ValueError("neither a fastText model nor one of `gristmill classifier train`")
    try:
        line, _, body = data[len(MAGIC) :].partition(b"\n")
        head = json.loads(line)
        weights = np.frombuffer(body, "<f4")
        if not 0 < head["bits"] < 64 or len(weights) != 1 << head["bits"]:
            raise ValueError(f"{len(weights)} weights")
        docs = {name: int(head["docs"][name]) for name in LABELS}
        bias, held_out = float(head["bias"]), float(head["held_out"])
        if not (np.isfinite(weights).all() and math.isfinite(bias) and 0 <= held_out <= 1):
            raise ValueError("numbers that training never gives")
        return HashedNgrams(weights, bias, held_out, docs)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"damaged: {error}") from None


def features(text: str, bits: int) -> Indices:
    """Return the hashes of a text's words and pairs of words, each once, sorted.

    Lower case; a sign is a word.
    """
    words = _TOKEN.findall(text.lower())
    hashes = np.fromiter(map(_hash, words), np.uint64, len(words))
    pairs = (hashes[:-1] * _PAIR ^ hashes[1:]) * _PAIR
    found = np.concatenate([hashes, pairs]) >> np.uint64(64 - bits)
    return np.unique(found).astype(np.int64)


def is_held_out(text: str, share: float) -> bool:
    """Tell whether a text is kept out of training: by its hash, so that copies go together."""
    digest = xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"), seed=1)
    return digest < share * 2.0**64


def train(
    good: Iterable[str], bad: Iterable[str], *, bits: int = 20, epochs: int = 5,
    held_out: float = 0.1,
) -> HashedNgrams:  # fmt: skip
    """Train by AdaGrad (Duchi et al. 2011), one text at a time, both sets of equal weight.

    Memory: 8 bytes for each distinct word and pair of each text, and 16 for each weight.

    Args:
        good: texts of the set to be recognised.
        bad: texts of the other.
        bits: 2^bits weights.
        epochs: passes over the texts.
        held_out: share of texts to leave out, for a test.

    Raises:
        ValueError: a set has no text to train on.
    """
    rows = _rows((good, bad), bits, held_out)
    docs = {name: sum(label == name for _, label, _ in rows) for name in LABELS}
    for name, n in docs.items():
        if not n:
            raise ValueError(f"no text to train on in the {'good' if name == 'hq' else 'bad'} set")
    weight = {name: len(rows) / (2 * n) for name, n in docs.items()}
    weights, squares = np.zeros(1 << bits), np.zeros(1 << bits)
    bias = bias_squares = 0.0
    for epoch in range(epochs):
        for _, label, found in sorted(rows, key=lambda row: _shuffled(row[0], epoch)):
            scale = _scale(found)
            margin = bias + float(weights[found].sum()) * scale
            error = weight[label] * (_logistic(margin) - (label == LABELS[0]))
            squares[found] += (error * scale) ** 2
            weights[found] -= _RATE * error * scale / np.sqrt(squares[found] + _TINY)
            bias_squares += error**2
            bias -= _RATE * error / math.sqrt(bias_squares + _TINY)
    return HashedNgrams(weights.astype(np.float32), bias, held_out, docs)


def _rows(
    sets: Sequence[Iterable[str]], bits: int, held_out: float
) -> list[tuple[bytes, str, Indices]]:
    """Return (digest, label, features) of the texts to train on, each once, in digest order."""
    rows: dict[tuple[bytes, str], Indices] = {}
    for label, texts in zip(LABELS, sets, strict=True):
        for text in texts:
            digest = xxhash.xxh3_128_digest(text.encode("utf-8", "surrogatepass"))
            if (digest, label) not in rows and not is_held_out(text, held_out):
                found = features(text, bits)
                if len(found):
                    rows[digest, label] = found
    return [(*key, rows[key]) for key in sorted(rows)]


def _shuffled(digest: bytes, epoch: int) -> int:
    return xxhash.xxh3_64_intdigest(digest, seed=epoch)


@lru_cache(maxsize=1 << 17)
def _hash(word: str) -> int:
    return xxhash.xxh3_64_intdigest(word.encode("utf-8", "surrogatepass"))


def _scale(found: Indices) -> float:
    """Texts count alike whatever their length."""
    return 1.0 / math.sqrt(len(found))


def _logistic(x: float) -> float:
    if x < 0:
        return math.exp(max(x, -700.0)) / (1.0 + math.exp(max(x, -700.0)))
    return 1.0 / (1.0 + math.exp(-x))


def _bits(weights: npt.NDArray[np.float32]) -> int:
    return len(weights).bit_length() - 1
