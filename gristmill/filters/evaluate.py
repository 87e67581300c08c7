"""How well scores tell two sets apart."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Evaluation:
    """Scores of a good and a bad set, against a threshold.

    Attributes:
        good: texts of the good set.
        bad: texts of the bad set.
        auc: how often a good text scores above a bad one; ties count half.
        threshold: texts that score at least this are kept.
        precision: share of good ones among the kept; None where nothing is kept.
        recall: share of the good set that is kept.
        kept_bad: share of the bad set that is kept.
    """

    good: int
    bad: int
    auc: float
    threshold: float
    precision: float | None
    recall: float
    kept_bad: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def evaluate(
    good: Sequence[float | None], bad: Sequence[float | None], threshold: float
) -> Evaluation:
    """Compare scores; a text without a score is never kept and scores lowest.

    Raises:
        ValueError: one of the sets is empty.
    """
    if not good or not bad:
        raise ValueError(f"no text to test on in the {'bad' if good else 'good'} set")
    ours, theirs = (
        np.sort([-np.inf if score is None else score for score in scores]) for scores in (good, bad)
    )
    below, up_to = (np.searchsorted(theirs, ours, side) for side in ("left", "right"))
    kept_good, kept_bad = (int((scores >= threshold).sum()) for scores in (ours, theirs))
    kept = kept_good + kept_bad
    return Evaluation(
        good=len(good),
        bad=len(bad),
        auc=float((below + up_to).mean() / 2 / len(bad)),
        threshold=threshold,
        precision=kept_good / kept if kept else None,
        recall=kept_good / len(good),
        kept_bad=kept_bad / len(bad),
    )
