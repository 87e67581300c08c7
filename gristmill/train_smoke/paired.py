"""Is one group of models better than another? Two intervals, and the verdict uses the wider.

Both groups scored the same documents, so what is compared is each document's difference. A
difference may be an accident of the documents (bootstrap: draw documents again, Efron and
Tibshirani 1993, chapter 13) or of the seeds (Student's t over pairs of models that share one).

Shapes: R pairs of models, N documents.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gristmill.errors import ConfigError

Interval = tuple[float, float]

#: Both intervals hold the true difference this often.
CONFIDENCE = 0.95
_RESAMPLES = 2000
#: Drawn at once, which bounds the memory.
_NUMBERS = 1 << 22
#: A bootstrap over fewer documents is far too narrow.
FEW_DOCUMENTS = 10


@dataclass(frozen=True)
class Scores:
    """What the models of A and of B made of the same documents.

    Attributes:
        nats_a: summed nats, (R, N).
        nats_b: the same by the models of B.
        sizes: bytes of the documents, (N,).
    """

    nats_a: npt.NDArray[np.float64]
    nats_b: npt.NDArray[np.float64]
    sizes: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = self.nats_a.shape
        if shape != self.nats_b.shape or shape[1:] != self.sizes.shape or 0 in shape:
            raise ConfigError(
                f"scores of shapes {shape}, {self.nats_b.shape} and {self.sizes.shape}: both "
                "sides need the same models and documents, one of each at least"
            )


@dataclass(frozen=True)
class Difference:
    """Bits per byte of A minus those of B: above zero where B is better.

    Attributes:
        bpb_a: bits per byte of A, mean of its models.
        bpb_b: the same of B.
        difference: of the two.
        by_run: the difference of each pair of models.
        documents: number of documents.
        over_documents: interval by bootstrap over documents; None with too few of them.
        over_runs: interval by Student's t over pairs of models; None with one pair.
    """

    bpb_a: float
    bpb_b: float
    difference: float
    by_run: tuple[float, ...]
    documents: int
    over_documents: Interval | None
    over_runs: Interval | None

    @property
    def interval(self) -> Interval | None:
        """The wider of both, or None where one of them cannot be told."""
        if self.over_documents is None or self.over_runs is None:
            return None
        return max(self.over_documents, self.over_runs, key=lambda both: both[1] - both[0])

    @property
    def better(self) -> Literal["A", "B"] | None:
        """Which is better, or None where the interval holds zero or cannot be told."""
        if self.interval is None or self.interval[0] <= 0 <= self.interval[1]:
            return None
        return "B" if self.difference > 0 else "A"


def compare(sets: Sequence[Scores], *, seed: int = 1) -> Difference:
    """Compare over one held-out set, or over the mean of several, each with the same weight.

    Args:
        sets: scores of each set; all by the same R pairs of models.
        seed: of the bootstrap.

    Raises:
        ConfigError: no set.
    """
    if not sets:
        raise ConfigError("nothing to compare: no held-out set has a document left")
    a = np.mean([_bits(one.nats_a, one.sizes) for one in sets], axis=0)
    b = np.mean([_bits(one.nats_b, one.sizes) for one in sets], axis=0)
    by_run = a - b
    enough = all(len(one.sizes) >= FEW_DOCUMENTS for one in sets)
    return Difference(
        bpb_a=float(a.mean()),
        bpb_b=float(b.mean()),
        difference=float(by_run.mean()),
        by_run=tuple(by_run.tolist()),
        documents=sum(len(one.sizes) for one in sets),
        over_documents=_over_documents(sets, seed) if enough else None,
        over_runs=_over_runs(by_run) if len(by_run) > 1 else None,
    )


def _bits(
    nats_rn: npt.NDArray[np.float64], sizes: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Bits per byte of each model: Σ nats / (ln 2 × Σ bytes)."""
    bits: npt.NDArray[np.float64] = nats_rn.sum(axis=1) / (math.log(2) * sizes.sum())
    return bits


def _over_documents(sets: Sequence[Scores], seed: int) -> Interval:
    """Draw the documents of each set again, as many as there are, models staying the same."""
    draw = np.random.default_rng(seed)
    drawn = np.zeros(_RESAMPLES)
    for one in sets:
        apart = (one.nats_a - one.nats_b).mean(axis=0)
        at_once = max(1, _NUMBERS // len(apart))
        for start in range(0, _RESAMPLES, at_once):
            part = drawn[start : start + at_once]
            chosen = draw.integers(len(apart), size=(len(part), len(apart)))
            part += apart[chosen].sum(axis=1) / (math.log(2) * one.sizes[chosen].sum(axis=1))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(drawn / len(sets), (tail, 100 - tail))
    return float(low), float(high)


def _over_runs(by_run: npt.NDArray[np.float64]) -> Interval:
    mean = float(by_run.mean())
    error = float(by_run.std(ddof=1)) / math.sqrt(len(by_run))
    half = student_t(len(by_run) - 1, CONFIDENCE) * error
    return mean - half, mean + half


def student_t(freedom: int, confidence: float) -> float:
    """Return t so that ``confidence`` of Student's distribution lies within ±t.

    By bisection of the closed form for whole degrees of freedom (Abramowitz and Stegun 1964,
    26.7.3 and 26.7.4).

    >>> round(student_t(2, 0.95), 3)
    4.303
    """
    low, high = 0.0, 1e6
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < confidence else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """Return the probability of |T| ≤ t."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for n in range(2 + odd, freedom, 2):
        term *= cosine**2 * (n - 1) / n
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
