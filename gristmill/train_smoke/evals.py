"""How good the model is: held-out loss, bits per byte, and the two baselines that need no model."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.train_smoke.loader import Windows
from gristmill.train_smoke.model import GPT

#: Tokens of one forward pass, and its logits (256 MB in fp32), so that a large vocabulary does not
#: set the memory.
_EVAL_TOKENS = 8192
_EVAL_LOGITS = 1 << 26


def uniform_loss(vocab_size: int) -> float:
    """Cross-entropy, in nats a token, of knowing nothing: ln V."""
    return math.log(vocab_size)


def unigram_loss(shards: ShardSet) -> float:
    """Cross-entropy of val, in nats a token, under add-one smoothed counts of train.

    What a model reaches that has learnt frequencies and no order. Counted over val's targets:
    every token but the first of each file.
    """
    train = _counts(shards.arrays("train"), shards.vocab_size)
    val = _counts([array[1:] for array in shards.arrays("val")], shards.vocab_size)
    if not val.sum():
        raise ConfigError(f"{shards.folder}: split 'val' is empty; raise val_fraction")
    probability = (train + 1) / (train.sum() + shards.vocab_size)
    return float(-(val * np.log(probability)).sum() / val.sum())


def _counts(arrays: Sequence[np.ndarray], vocab_size: int) -> np.ndarray:
    total = np.zeros(vocab_size, dtype=np.float64)
    for array in arrays:
        for start in range(0, len(array), 1 << 22):
            total += np.bincount(array[start : start + (1 << 22)], minlength=vocab_size)
    return total


def spread(total: int, wanted: int) -> np.ndarray:
    """Return ``wanted`` evenly spaced numbers below ``total``, or all of them for 0."""
    if wanted == 0 or wanted >= total:
        return np.arange(total, dtype=np.int64)
    return (np.arange(wanted, dtype=np.int64) * total) // wanted


@torch.inference_mode()
def val_loss(model: GPT, windows: Windows, count: int = 0) -> float:
    """Mean cross-entropy, in nats a token, over a fixed set of windows (0 = all of them)."""
    device = next(model.parameters()).device
    chosen = spread(len(windows), count)
    at_once = max(1, _tokens_at_once(model) // model.config.context)
    total = 0.0
    for start in range(0, len(chosen), at_once):
        ids, targets = windows.gather(chosen[start : start + at_once])
        total += float(model(ids.to(device), targets.to(device))) * targets.numel()
    return total / (len(chosen) * windows.context)


@dataclass(frozen=True, slots=True)
class BitsPerByte:
    """Bits per byte over whole documents.

    Attributes:
        bits_per_byte: Σ nats / (ln 2 × Σ bytes).
        documents: documents scored.
        tokens: tokens scored.
        bytes: their raw bytes.
    """

    bits_per_byte: float
    documents: int
    tokens: int
    bytes: int

    @property
    def loss(self) -> float:
        """Nats a token."""
        return self.bits_per_byte * math.log(2) * self.bytes / self.tokens


@torch.inference_mode()
def bits_per_byte(model: GPT, shards: ShardSet, split: str = "val", count: int = 0) -> BitsPerByte:
    """Score whole held-out documents; comparable between tokenizers and packings.

    Each document starts from the end-of-text token, which is context and not scored; the one that
    ends it is not scored either. Longer ones are read in strides of half a context, so that every
    token but the first few has at least that much before it. Bytes are those of the tokens
    themselves, since half a character has no text (nanochat#693).

    Args:
        model: in evaluation mode.
        shards: the corpus.
        split: which split.
        count: documents, evenly spaced; 0 = all.

    Raises:
        ConfigError: no bytes to score.
    """
    lengths = np.array([len(raw) for raw in shards.vocabulary.token_bytes], dtype=np.int64)
    total = sum(shard.docs for shard in shards.of(split))
    chosen = set(spread(total, count).tolist())
    documents = [
        np.asarray(doc, dtype=np.int64)
        for number, doc in enumerate(shards.documents(split))
        if number in chosen
    ]
    n_bytes = sum(int(lengths[doc].sum()) for doc in documents)
    if n_bytes == 0:
        raise ConfigError(f"{shards.folder}: split {split!r} has no bytes to score; add documents")
    nats = score(model, documents)
    return BitsPerByte(
        bits_per_byte=nats / (math.log(2) * n_bytes),
        documents=len(documents),
        tokens=sum(len(doc) for doc in documents),
        bytes=n_bytes,
    )


def score(model: GPT, documents: Sequence[np.ndarray]) -> float:
    """Return the summed nats of documents (token ids without the end-of-text token)."""
    return float(document_nats(model, documents).sum())


@torch.inference_mode()
def document_nats(
    model: GPT, documents: Sequence[np.ndarray], firsts: Sequence[int] | None = None
) -> np.ndarray:
    """Return the nats of each document.

    Args:
        model: in evaluation mode.
        documents: token ids without the end-of-text token.
        firsts: the first token of each that counts; default: all count.

    Returns:
        float64 (len(documents),).
    """
    device = next(model.parameters()).device
    rows = [
        (number, *row)
        for number, (doc, first) in enumerate(
            zip(documents, firsts or [0] * len(documents), strict=True)
        )
        for row in _strides(doc, model.eot, model.config.context, first)
    ]
    # Rows of like length share a pass; the sort is stable, so the order is fixed.
    rows.sort(key=lambda row: len(row[1]))
    nats = np.zeros(len(documents), dtype=np.float64)
    for some in _passes(rows, _tokens_at_once(model)):
        ids, targets = (part.to(device) for part in _pad([row[1:] for row in some], model.eot))
        counts = targets != -100
        logits = model.logits(model.trunk(ids)[counts])  # the head is most of a small model's work
        losses = torch.zeros(targets.shape, dtype=torch.float64, device=device)
        losses[counts] = F.cross_entropy(logits, targets[counts], reduction="none").double()
        np.add.at(nats, [row[0] for row in some], losses.sum(dim=1).cpu().numpy())
    return nats


def _tokens_at_once(model: GPT) -> int:
    """Return how many tokens make one forward pass."""
    return min(_EVAL_TOKENS, _EVAL_LOGITS // model.vocab_size)


_Row = tuple[int, np.ndarray, np.ndarray]


def _passes(rows: Sequence[_Row], tokens: int) -> Iterator[list[_Row]]:
    """Group rows, shortest first, so that none has more tokens than asked, padding included."""
    some: list[_Row] = []
    for row in rows:
        if some and (len(some) + 1) * len(row[1]) > tokens:
            yield some
            some = []
        some.append(row)
    if some:
        yield some


def _strides(
    doc: np.ndarray, eot: int, context: int, first: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield inputs and targets; each token of the document from ``first`` is a target once."""
    full = np.concatenate(([eot], doc)).astype(np.int64)
    done = first  # tokens of the document that are scored, or need not be
    stride = max(1, context // 2)
    while done < len(doc):
        end = min(len(doc), max(context, done + stride))
        start = max(0, end - context)
        targets = full[start + 1 : end + 1].copy()
        targets[: done - start] = -100
        yield full[start:end], targets
        done = end


def _pad(rows: Sequence[tuple[np.ndarray, np.ndarray]], fill: int) -> tuple[Tensor, Tensor]:
    width = max(len(ids) for ids, _ in rows)
    ids = np.full((len(rows), width), fill, dtype=np.int64)
    targets = np.full((len(rows), width), -100, dtype=np.int64)
    for row, (some, wanted) in enumerate(rows):
        ids[row, : len(some)], targets[row, : len(wanted)] = some, wanted
    return torch.from_numpy(ids), torch.from_numpy(targets)
