"""Accuracy on multiple-choice sets: which ending does the model find likeliest?

The model answers no question; it is asked how likely each ending is as a continuation. Small
models are near chance, so the bits per byte of the right ending come with the accuracy: they move
smoothly where accuracy is noise.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gristmill.train_smoke.choices import Choice, Item
from gristmill.train_smoke.evals import document_nats
from gristmill.train_smoke.model import GPT

Encode = Callable[[Sequence[str]], Sequence[npt.NDArray[np.integer]]]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A share of right answers and its standard error, √(p(1 − p)/(n − 1)); None for n = 1."""

    share: float
    stderr: float | None


@dataclass(frozen=True, slots=True)
class ChoiceScore:
    """How a model did on one set.

    Attributes:
        items: questions.
        acc: by summed log-probability.
        acc_norm_token: by log-probability per token (llm.c ``dev/data/hellaswag.py``).
        acc_norm_char: by log-probability per character of the ending, without the space before it
            (``acc_norm`` of lm-evaluation-harness).
        chance: what guessing gives.
        gold_bits_per_byte: Σ nats of right endings / (ln 2 × Σ bytes), the space included.
    """

    items: int
    acc: Accuracy
    acc_norm_token: Accuracy
    acc_norm_char: Accuracy
    chance: float
    gold_bits_per_byte: float


def score_items(model: GPT, items: Sequence[Item], encode: Encode) -> ChoiceScore:
    """Score a set; the numbers do not depend on how many rows share a pass, but for rounding.

    Args:
        model: in evaluation mode.
        items: at least one.
        encode: texts to token ids of the model's tokenizer.
    """
    choices = [choice for item in items for choice in item.choices]
    documents, firsts = split_tokens(choices, encode)
    nats = document_nats(model, documents, firsts)
    tokens = np.array([len(d) - f for d, f in zip(documents, firsts, strict=True)])
    chars = np.array([len(choice.ending) for choice in choices])
    size = np.array([len(item.choices) for item in items])
    starts = np.cumsum(size) - size
    gold = starts + np.array([item.gold for item in items])
    n_bytes = sum(
        len(choices[i].ending.encode("utf-8", "replace")) + bool(choices[i].context) for i in gold
    )
    return ChoiceScore(
        items=len(items),
        acc=_accuracy(nats, starts, gold),
        acc_norm_token=_accuracy(nats / tokens, starts, gold),
        acc_norm_char=_accuracy(nats / chars, starts, gold),
        chance=float((1 / size).mean()),
        gold_bits_per_byte=float(nats[gold].sum() / (math.log(2) * n_bytes)),
    )


def split_tokens(
    choices: Sequence[Choice], encode: Encode
) -> tuple[list[npt.NDArray[np.int64]], list[int]]:
    """Encode context and ending as one text, and tell where the ending begins.

    Encoded apart, the two might give tokens that no text has. The split is after as many tokens as
    the context has alone, as in lm-evaluation-harness (``_encode_pair``): spaces at the end of the
    context count with the ending. At least one token is the ending's.

    Returns:
        Ids of each whole, without an end-of-text token, and the place of its first ending token.
    """
    contexts = [choice.context.rstrip() for choice in choices]
    # A context that ends in a space keeps it, and gets no second one.
    gaps = [choice.context[len(c) :] or " " for c, choice in zip(contexts, choices, strict=True)]
    gaps = [gap if context else "" for context, gap in zip(contexts, gaps, strict=True)]
    parts = zip(contexts, gaps, choices, strict=True)
    wholes = encode([context + gap + choice.ending for context, gap, choice in parts])
    before = encode(contexts)
    documents = [np.asarray(ids, dtype=np.int64) for ids in wholes]
    firsts = [min(len(b), len(d) - 1) for b, d in zip(before, documents, strict=True)]
    return documents, firsts


def _accuracy(
    cost: _Floats, starts: npt.NDArray[np.int64], gold: npt.NDArray[np.int64]
) -> Accuracy:
    """Compare the cheapest choice with the right one; ties fall to the first, as with argmax."""
    ends = [*starts[1:], len(cost)]
    best = [int(a + np.argmin(cost[a:b])) for a, b in zip(starts, ends, strict=True)]
    share = float(np.mean(np.array(best) == gold))
    n = len(gold)
    return Accuracy(share, math.sqrt(share * (1 - share) / (n - 1)) if n > 1 else None)
