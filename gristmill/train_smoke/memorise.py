"""How much of its training text a model regurgitates word for word.

A training document's first tokens are given, and the model goes on greedily. If what it writes is
the document's own continuation, token for token, it has it by heart (Carlini et al. 2022,
"Quantifying Memorization Across Neural Language Models", whose finding is that this grows with the
logarithm of the number of copies). Held-out documents are the control: what is predictable rather
than memorised is predicted there too.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.train_smoke.model import GPT
from gristmill.train_smoke.reader import Reader

#: Groups by the number of copies in train: name, fewest, most.
GROUPS = (("1", 1, 1), ("2", 2, 2), ("3-5", 3, 5), ("6-10", 6, 10), ("11+", 11, 2**62))

_U64 = npt.NDArray[np.uint64]
_I64 = npt.NDArray[np.int64]
_Z95 = 1.959963984540054  # 97.5 % of a normal distribution lie below
_ROWS = 64


@dataclass(frozen=True, slots=True)
class Regurgitated:
    """What a model knew by heart of one group of documents.

    Attributes:
        copies: how often their text occurs in train; ``val`` for the control.
        texts: distinct documents of this group that are long enough.
        tested: of these, how many were tried.
        exact: of these, how many were continued exactly.
        rate: ``exact`` / ``tested``; None where none was tried.
        low: lower end of Wilson's 95 % interval of the rate.
        high: upper end.
        matched_tokens: mean number of right tokens before the first wrong one.
    """

    copies: str
    texts: int
    tested: int
    exact: int
    rate: float | None
    low: float | None
    high: float | None
    matched_tokens: float | None


@dataclass(frozen=True, slots=True)
class Memorised:
    """Groups of train by number of copies, and held-out documents that train does not have."""

    groups: tuple[Regurgitated, ...]
    control: Regurgitated


def memorised(
    model: GPT, shards: ShardSet, *, prefix: int = 32, length: int = 32, per_group: int = 200
) -> Memorised:
    """Measure exact continuation by the number of copies of a document.

    Copies are documents with the same tokens, compared by 64-bit hashes: of 10 million documents,
    two different ones share a hash with a probability of 3 in a million. Memory: about 41 bytes
    for each document that is long enough. Which documents are tried depends on their texts alone.

    Args:
        model: in evaluation mode.
        shards: what it was trained on.
        prefix: tokens given, after the end-of-text token.
        length: tokens that must follow.
        per_group: most documents of a group to try.

    Raises:
        ConfigError: a number below 1, or more tokens than the model's context.
    """
    if min(prefix, length, per_group) < 1:
        raise ConfigError(f"prefix={prefix}, length={length}, per_group={per_group}: 1 or more")
    if prefix + length > model.config.context:
        raise ConfigError(
            f"prefix {prefix} + length {length} is more than the model's context of "
            f"{model.config.context}; use smaller ones"
        )
    need = prefix + length
    train, copies = np.unique(_hashes(shards, "train", need), return_counts=True)
    val = np.setdiff1d(_hashes(shards, "val", need), train)
    by_group = [train[(copies >= low) & (copies <= high)] for _, low, high in GROUPS]
    tested = _openings(shards, "train", need, [some[:per_group] for some in by_group])
    (unseen,) = _openings(shards, "val", need, [val[:per_group]])
    groups = tuple(
        _regurgitated(model, name, len(some), rows, prefix)
        for (name, *_), some, rows in zip(GROUPS, by_group, tested, strict=True)
    )
    return Memorised(groups, _regurgitated(model, "val", len(val), unseen, prefix))


def _hash(doc: npt.NDArray[np.integer]) -> int:
    # The same on every machine and for every token type; its values are as good as random, so that
    # the smallest are a fair sample.
    raw = hashlib.blake2b(doc.astype("<u4").tobytes(), digest_size=8).digest()
    return int.from_bytes(raw, "little")


def _hashes(shards: ShardSet, split: str, need: int) -> _U64:
    found = (_hash(doc) for doc in shards.documents(split) if len(doc) >= need)
    return np.fromiter(found, dtype=np.uint64)


def _openings(
    shards: ShardSet, split: str, need: int, wanted: Sequence[_U64]
) -> list[npt.NDArray[np.int64]]:
    """Return the first ``need`` tokens of documents by hash, in the order of the hashes."""
    found: dict[int, _I64] = {
        int(value): np.empty(0, np.int64) for some in wanted for value in some
    }
    for doc in shards.documents(split):
        if len(doc) >= need and (value := _hash(doc)) in found and not len(found[value]):
            found[value] = np.asarray(doc[:need], dtype=np.int64)
    return [
        np.array([found[int(value)] for value in some], dtype=np.int64).reshape(-1, need)
        for some in wanted
    ]


def _regurgitated(model: GPT, name: str, texts: int, rows: _I64, prefix: int) -> Regurgitated:
    n = len(rows)
    if n == 0:
        return Regurgitated(name, texts, 0, 0, None, None, None, None)
    written = greedy(model, rows[:, :prefix], rows.shape[1] - prefix)
    right = np.logical_and.accumulate(written == rows[:, prefix:], axis=1).sum(axis=1)
    exact = int((right == rows.shape[1] - prefix).sum())
    low, high = wilson(exact, n)
    return Regurgitated(name, texts, n, exact, exact / n, low, high, float(right.mean()))


@torch.inference_mode()
def greedy(model: GPT, prefixes: _I64, length: int) -> _I64:
    """Continue openings of documents by the likeliest token each time.

    Args:
        model: in evaluation mode.
        prefixes: (N, P) token ids; the end-of-text token is put before them.
        length: tokens to write.

    Returns:
        (N, length) token ids.
    """
    parts = []
    for start in range(0, len(prefixes), _ROWS):
        some = prefixes[start : start + _ROWS].tolist()
        reader = Reader(model, [[model.eot, *row] for row in some], 1)
        tokens = [reader.prompt().argmax(dim=-1)]
        while len(tokens) < length:
            tokens.append(reader.advance(tokens[-1].tolist()).argmax(dim=-1))
        parts.append(torch.stack(tokens, dim=1).numpy())
    return np.concatenate(parts)


def wilson(hits: int, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a proportion (Wilson 1927); sound at 0 and at 1 too.

    >>> tuple(round(x, 3) for x in wilson(0, 10))
    (0.0, 0.278)
    """
    p, z2 = hits / n, _Z95**2
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
