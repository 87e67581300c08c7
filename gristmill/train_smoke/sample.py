"""What the model says: sampling with a key-value cache.

The order of the filters, the one of llama.cpp's and Hugging Face's defaults: temperature, top-k,
top-p, min-p; each looks at what the one before left, renormalised. At least the likeliest token
always stays.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.vocab import Vocabulary
from gristmill.train_smoke.constrain import Constraint
from gristmill.train_smoke.model import GPT
from gristmill.train_smoke.reader import Reader


@dataclass(frozen=True, slots=True)
class Generation:
    """One continuation.

    Attributes:
        ids: new tokens, without the prompt, with the token that ended it.
        logprobs: natural logarithms of their probabilities under the model itself (temperature 1,
            no filter), so that continuations can be compared (best of n).
        finish: why it ended: ``length``, ``stop_id``, ``stop_string``, or ``grammar`` where the
            constraint leaves nothing to add.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish: str


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How tokens are drawn.

    Attributes:
        temperature: divides the logits; 0 = greedy.
        top_k: keep the k likeliest; 0 = off.
        top_p: keep the likeliest until their sum reaches p (Holtzman et al. 2019); 1 = off.
        min_p: drop what is below min_p × the largest (Nguyen et al. 2024); 0 = off.
        max_tokens: longest continuation.
        stop_ids: tokens that end it.
        stop_strings: texts that end it; needs a vocabulary.
        seed: of the draws; row r of a batch uses seed + r, so a row is the same in any batch.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    max_tokens: int = 64
    stop_ids: tuple[int, ...] = ()
    stop_strings: tuple[str, ...] = ()
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise ConfigError(f"temperature={self.temperature}: must be 0 (greedy) or more")
        if self.top_k < 0:
            raise ConfigError(f"top_k={self.top_k}: must be 0 (off) or more")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"top_p={self.top_p}: must be above 0 and at most 1 (off)")
        if not 0 <= self.min_p <= 1:
            raise ConfigError(f"min_p={self.min_p}: must be between 0 (off) and 1")
        if self.max_tokens < 1:
            raise ConfigError(f"max_tokens={self.max_tokens}: must be 1 or more")
        if "" in self.stop_strings:
            raise ConfigError("stop string '' would stop at once; leave it out")


def probabilities(logits: Tensor, how: Sampling) -> Tensor:
    """Return the distribution that tokens are drawn from.

    Args:
        logits: (N, V).
        how: the filters; greedy puts everything on the likeliest token.

    Returns:
        fp64 (N, V), rows sum to 1.
    """
    logits = logits.double()
    if how.temperature == 0:
        best = logits.argmax(dim=-1, keepdim=True)
        return torch.zeros_like(logits).scatter_(-1, best, 1.0)
    # Sorted once: every filter keeps a prefix. Stable, so ties fall to the smaller id.
    ordered, ids = logits.sort(dim=-1, descending=True, stable=True)
    p = (ordered - ordered[:, :1]).div(how.temperature).softmax(dim=-1)
    if 0 < how.top_k < p.size(-1):
        p[:, how.top_k :] = 0
        p /= p.sum(dim=-1, keepdim=True)
    if how.top_p < 1:
        before = p.cumsum(dim=-1) - p
        p[before >= how.top_p] = 0
        p /= p.sum(dim=-1, keepdim=True)
    if how.min_p > 0:
        p[p < how.min_p * p[:, :1]] = 0
        p /= p.sum(dim=-1, keepdim=True)
    return torch.zeros_like(p).scatter_(-1, ids, p)


@torch.inference_mode()
def generate(
    model: GPT,
    ids: Sequence[int],
    how: Sampling | None = None,
    *,
    n: int = 1,
    vocabulary: Vocabulary | None = None,
    constraint: Constraint | None = None,
) -> list[Generation]:
    """Continue a prompt ``n`` times.

    The prompt is read once for all rows. When the context is full, the last half of it is read
    again and generation goes on from there.

    Args:
        model: in evaluation mode.
        ids: the prompt; at least one token, usually starting with the end-of-text token.
        how: sampling settings; default: temperature 1, 64 tokens.
        n: continuations.
        vocabulary: for ``stop_strings``.
        constraint: what the text must match; see ``constrain``.

    Raises:
        ConfigError: empty prompt, ids outside the vocabulary, n < 1, or stop strings without a
            vocabulary.
    """
    return generate_batch(model, [ids], how, n=n, vocabulary=vocabulary, constraint=constraint)[0]


@torch.inference_mode()
def generate_batch(
    model: GPT,
    prompts: Sequence[Sequence[int]],
    how: Sampling | None = None,
    *,
    n: int = 1,
    vocabulary: Vocabulary | None = None,
    constraint: Constraint | None = None,
) -> list[list[Generation]]:
    """Continue each prompt ``n`` times; what a prompt gives does not depend on the others.

    Prompts of one length share their passes: so none is padded, and no mask has to undo that.

    Args and errors are those of ``generate``.
    """
    how = how or Sampling()
    by_length: dict[int, list[int]] = {}
    for number, ids in enumerate(prompts):
        _check(model, ids, how, n, vocabulary)
        by_length.setdefault(len(ids), []).append(number)
    out: list[list[Generation]] = [[] for _ in prompts]
    for numbers in by_length.values():
        rows = [_Row(how, how.seed + r, vocabulary, constraint) for _ in numbers for r in range(n)]
        _write(Reader(model, [prompts[number] for number in numbers], n), rows)
        for place, number in enumerate(numbers):
            out[number] = [row.generation() for row in rows[place * n : (place + 1) * n]]
    return out


@torch.inference_mode()
def next_tokens(model: GPT, ids: Sequence[int], top: int) -> list[tuple[int, float]]:
    """Return the likeliest next tokens and their probabilities at temperature 1, likeliest first.

    Args:
        model: in evaluation mode.
        ids: the prompt; at least one token.
        top: how many.
    """
    _check(model, ids, Sampling(), 1, None)
    p = Reader(model, [ids], 1).prompt()[0].double().softmax(dim=-1)
    best, at = p.sort(descending=True, stable=True)
    return list(zip(at[:top].tolist(), best[:top].tolist(), strict=True))


def best_of(candidates: Sequence[Generation], by: Literal["mean", "total"] = "mean") -> Generation:
    """Return the candidate of the highest log-probability, total or per token; ties: the first.

    By total, short texts win; by mean, repetitive ones (Holtzman et al. 2019).
    """
    return max(
        candidates, key=lambda one: sum(one.logprobs) / (len(one.ids) if by == "mean" else 1)
    )


class _Row:
    """One continuation in the making."""

    def __init__(
        self,
        how: Sampling,
        seed: int,
        vocabulary: Vocabulary | None,
        constraint: Constraint | None,
    ) -> None:
        self.how, self.vocabulary = how, vocabulary
        self.generator = torch.Generator().manual_seed(seed)
        self.matcher = constraint.matcher() if constraint is not None else None
        self.ids: list[int] = []
        self.logprobs: list[float] = []
        self.finish = ""

    def masked(self, logits: Tensor) -> Tensor:
        """Logits (V,) without what the constraint forbids."""
        if self.matcher is None or self.finish:
            return logits
        allowed = self.matcher.allowed()[: len(logits)]  # the model may have more ids, or fewer
        if not allowed.any():
            raise ConfigError("the grammar leaves no token of this vocabulary; change the grammar")
        masked = torch.full_like(logits, -math.inf)
        masked[: len(allowed)][allowed] = logits[: len(allowed)][allowed]
        return masked

    def take(self, p: Tensor, nats: Tensor) -> int:
        """Draw from probabilities (V,); note what came, unless the row has ended."""
        token = _draw(p, self.generator)
        if self.finish:
            return token
        self.ids.append(token)
        self.logprobs.append(float(nats[token]))
        complete = self.matcher is not None and self.matcher.accept(token)
        self.finish = _finish(self.ids, self.how, self.vocabulary)
        if complete and self.finish != "stop_id":
            self.finish = "grammar"
        return token

    def generation(self) -> Generation:
        return Generation(ids=tuple(self.ids), logprobs=tuple(self.logprobs), finish=self.finish)


def _write(reader: Reader, rows: list[_Row]) -> None:
    """Go on until every row has ended."""
    logits = reader.prompt()
    while True:
        nats = logits.double().log_softmax(dim=-1)
        masked = torch.stack([row.masked(x) for row, x in zip(rows, logits, strict=True)])
        p = probabilities(masked, rows[0].how)
        drawn = [row.take(*both) for row, *both in zip(rows, p, nats, strict=True)]
        if all(row.finish for row in rows):
            return
        logits = reader.advance(drawn)


def _draw(p: Tensor, generator: torch.Generator) -> int:
    """Draw a token by inverting the cumulative sum; never one of probability 0."""
    total = p.cumsum(dim=0)
    point = torch.rand((), generator=generator, dtype=torch.float64) * total[-1]
    token = int(torch.searchsorted(total, point, right=True))
    return min(token, int(p.nonzero()[-1]))


def _finish(ids: list[int], how: Sampling, vocabulary: Vocabulary | None) -> str:
    if ids[-1] in how.stop_ids:
        return "stop_id"
    if vocabulary is not None and how.stop_strings:
        text = vocabulary.decode(ids)
        if any(stop in text for stop in how.stop_strings):
            return "stop_string"
    return "length" if len(ids) >= how.max_tokens else ""


def text_of(generation: Generation, how: Sampling, vocabulary: Vocabulary) -> str:
    """Return the text of a continuation, cut before the stop token or stop string."""
    ids = generation.ids[:-1] if generation.finish == "stop_id" else generation.ids
    text = vocabulary.decode(ids)
    cuts = [text.find(stop) for stop in how.stop_strings if stop in text]
    return text[: min(cuts)] if cuts else text


def _check(
    model: GPT, ids: Sequence[int], how: Sampling, n: int, vocabulary: Vocabulary | None
) -> None:
    if not ids:
        raise ConfigError("empty prompt; start from the end-of-text token")
    wrong = [token for token in ids if not 0 <= token < model.vocab_size]
    if wrong:
        raise ConfigError(
            f"prompt token {wrong[0]} is outside the vocabulary of {model.vocab_size}; encode the "
            "prompt with the checkpoint's tokenizer.json"
        )
    if n < 1:
        raise ConfigError(f"n={n}: must be 1 or more")
    if how.stop_strings and vocabulary is None:
        raise ConfigError("stop strings need a vocabulary; pass checkpoint.vocabulary()")
