"""Held-out documents that neither corpus has trained on.

A document that shares a span of 50 tokens with the train split of either corpus is left out, or
the comparison would reward the side that has seen it (Lee et al. 2022 took 50 tokens to find
repeats). Spans are compared by a 64-bit hash.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.train_smoke.evals import spread

SPAN = 50
_CHUNK = 1 << 22
_TABLE_BITS = 24
#: An odd number; the base of the rolling hash.
_BASE = 0x9E3779B97F4A7C15

_U64 = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class HeldOut:
    """One held-out set.

    Attributes:
        name: what to call it.
        kind: ``A`` and ``B`` for their own val, else ``neutral``.
        documents: token ids without the end-of-text token.
        found: documents before any were left out.
        overlapping: left out because they share a span with a training corpus.
        short: left out because they are shorter than a span, so that nothing can be said.
    """

    name: str
    kind: Literal["A", "B", "neutral"]
    documents: tuple[npt.NDArray[np.int64], ...]
    found: int
    overlapping: int = 0
    short: int = 0


def held_out(
    name: str, kind: Literal["A", "B", "neutral"], documents: Sequence[npt.NDArray[Any]]
) -> HeldOut:
    """Return a set of all documents as they are; short ones are left out."""
    long = tuple(np.asarray(d, dtype=np.int64) for d in documents if len(d) >= SPAN)
    return HeldOut(name, kind, long, len(documents), short=len(documents) - len(long))


def without_overlap(
    sets: Sequence[HeldOut], corpora: Sequence[ShardSet], at_most: int
) -> list[HeldOut]:
    """Leave out documents that share a span with the train split of a corpus.

    Args:
        sets: from ``held_out``.
        corpora: the training corpora, whole.
        at_most: documents of a set that stay, evenly spread; 0 = all.

    Raises:
        ConfigError: a set without a document left.
    """
    rows = _random_rows(corpora[0].vocab_size)
    hashes = [[span_hashes(doc, rows) for doc in one.documents] for one in sets]
    seen = _seen([h for of_set in hashes for h in of_set], corpora, rows)
    out = []
    for one, of_set in zip(sets, hashes, strict=True):
        clean = [
            doc
            for doc, spans in zip(one.documents, of_set, strict=True)
            if not _among(spans, seen).any()
        ]
        if not clean:
            raise ConfigError(
                f"{one.name}: none of its {one.found:,} documents can be used "
                f"({len(one.documents):,} share {SPAN} tokens with a training corpus, {one.short:,}"
                f" are shorter than that); give other held-out text, or raise val_fraction"
            )
        kept = tuple(clean[i] for i in spread(len(clean), at_most))
        out.append(replace(one, documents=kept, overlapping=len(one.documents) - len(clean)))
    return out


def span_hashes(tokens: npt.NDArray[Any], rows: _U64) -> _U64:
    """Return the hash of the span that begins at each token; nothing for fewer than a span.

    Spans of powers of two are joined from two halves, so 50 tokens take nine passes.

    Args:
        tokens: ids, (N,).
        rows: a random number for each id.

    Returns:
        (max(0, N − 49),).
    """
    if len(tokens) < SPAN:
        return np.zeros(0, dtype=np.uint64)
    power, length = rows[tokens], 1  # hashes of spans of ``length``
    total, done = np.zeros(len(tokens), dtype=np.uint64), 0
    while True:
        if SPAN & length:
            total = total[: len(power) - done] + _shift(done) * power[done:]
            done += length
        if 2 * length > SPAN:
            return total
        power = power[:-length] + _shift(length) * power[length:]
        length *= 2


def _shift(tokens: int) -> np.uint64:
    return np.uint64(pow(_BASE, tokens, 1 << 64))


def _random_rows(vocab_size: int) -> _U64:
    return np.random.default_rng(0).integers(0, 1 << 64, size=vocab_size, dtype=np.uint64)


def _seen(hashes: Sequence[_U64], corpora: Sequence[ShardSet], rows: _U64) -> _U64:
    """Return those hashes that occur in a train split, sorted."""
    spans = np.unique(np.concatenate([np.zeros(0, dtype=np.uint64), *hashes]))
    # Most train spans are met by no held-out one: a table of first bits says so cheaply.
    shift = np.uint64(64 - _TABLE_BITS)
    table = np.zeros(1 << _TABLE_BITS, dtype=bool)
    table[spans >> shift] = True
    hit = np.zeros(len(spans), dtype=bool)
    for chunk in _chunks(corpora):
        here = span_hashes(chunk, rows)
        here = here[table[here >> shift]]
        hit[np.searchsorted(spans, here[_among(here, spans)])] = True
    return spans[hit]


def _among(hashes: _U64, known: _U64) -> npt.NDArray[np.bool_]:
    """Tell which hashes are among known ones, which are sorted (isin would sort them again)."""
    if not len(known):
        return np.zeros(len(hashes), dtype=bool)
    found: npt.NDArray[np.bool_] = (
        known[np.minimum(np.searchsorted(known, hashes), len(known) - 1)] == hashes
    )
    return found


def _chunks(corpora: Sequence[ShardSet]) -> Iterator[npt.NDArray[Any]]:
    """Yield the train tokens in pieces that overlap by a span less one.

    A span across documents holds an end-of-text token, which no held-out document has.
    """
    for corpus in corpora:
        for array in corpus.arrays("train"):
            for start in range(0, max(1, len(array) - SPAN + 1), _CHUNK):
                yield np.asarray(array[start : start + _CHUNK + SPAN - 1])
