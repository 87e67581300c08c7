"""What an ablation found: figures, one verdict, one page of text."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gristmill.train_smoke.paired import Difference, Interval

#: Why a verdict never rests on one corpus's own held-out documents.
OWN_ONLY = (
    "no neutral text was given: each val favours the corpus it comes from, so only an answer that "
    "both give is one; give text of neither with --neutral"
)


@dataclass(frozen=True)
class SetResult:
    """One held-out set.

    Attributes:
        name: what to call it.
        kind: ``A`` and ``B`` for their own val, else ``neutral``.
        difference: what the models of A and B made of it.
        bytes: of the documents scored.
        found: documents before any were left out.
        overlapping: left out for a span that a training corpus has too.
        short: left out as too short to tell.
    """

    name: str
    kind: Literal["A", "B", "neutral"]
    difference: Difference
    bytes: int
    found: int
    overlapping: int
    short: int


@dataclass(frozen=True)
class RunResult:
    """One training.

    Attributes:
        corpus: ``A`` or ``B``.
        subset: number of the corpus's part.
        seed: of initial weights and order.
        loss: training loss of the last step, nats a token.
        train_seconds: time in the training loop.
        score_seconds: time for scoring the held-out sets, where this call did it.
    """

    corpus: Literal["A", "B"]
    subset: int
    seed: int
    loss: float
    train_seconds: float
    score_seconds: float


@dataclass(frozen=True)
class AblationResult:
    """An ablation; ``result.json`` holds the same.

    Attributes:
        names: what A and B are called.
        available: train tokens of each corpus, before cutting.
        unique_tokens: tokens of each part that a model was trained on.
        trained_tokens: tokens each model saw, repeats counted.
        steps: of each training.
        parameters: weights of each model.
        seeds: number of seeds.
        subsets: number of parts of each corpus.
        sets: held-out sets, A's and B's val first.
        neutral: mean of the neutral sets, each with the same weight; None without one.
        runs: the trainings.
        config: settings, but for the seed.
        tokenizer_sha256: of the tokenizer of both.
    """

    names: tuple[str, str]
    available: tuple[int, int]
    unique_tokens: int
    trained_tokens: int
    steps: int
    parameters: int
    seeds: int
    subsets: int
    sets: tuple[SetResult, ...]
    neutral: Difference | None
    runs: tuple[RunResult, ...]
    config: Mapping[str, Any]
    tokenizer_sha256: str

    @property
    def better(self) -> Literal["A", "B"] | None:
        """Which corpus is better to train on; None where no difference can be told."""
        if self.neutral is not None:
            return self.neutral.better
        own = {one.difference.better for one in self.sets}
        return own.pop() if len(own) == 1 else None

    @property
    def verdict(self) -> str:
        """One line."""
        if self.neutral is not None:
            return self._line(self.neutral, "neutral text")
        if self.better is None:
            return f"no difference can be told{self._why_not()}"
        lines = [self._line(one.difference, one.name) for one in self.sets]
        return "; ".join(lines)

    def to_json(self) -> str:
        """Return indented JSON, the verdict first."""
        data = {"verdict": self.verdict, "better": self.better, **dataclasses.asdict(self)}
        return json.dumps(data, indent=1) + "\n"

    def _line(self, found: Difference, where: str) -> str:
        wide = found.interval
        if wide is None:
            return f"no difference can be told on {where}{self._why_not()}"
        n = len(found.by_run)
        pairs = f"{n} seeds" if self.subsets == 1 else f"{n} pairs of models"
        by = f"{abs(found.difference):.3f} bits per byte"
        if found.better is None:
            side: Literal["A", "B"] = "B" if found.difference > 0 else "A"
            return (
                f"no difference can be told on {where}: {self._named(side)} seems better by {by} "
                f"(95 % interval of A - B {wide[0]:+.3f} to {wide[1]:+.3f}), {pairs}"
            )
        low, high = wide if found.better == "B" else (-wide[1], -wide[0])
        return (
            f"{self._named(found.better)} is better by {by} on {where} "
            f"(95 % interval {low:.3f} to {high:.3f}), {pairs}"
        )

    def _named(self, side: Literal["A", "B"]) -> str:
        return f"{side} ({self.names[side == 'B']})"

    def _why_not(self) -> str:
        if self.seeds * self.subsets == 1:
            return ": one pair of models says nothing about the next; raise --seeds"
        found = [self.neutral] if self.neutral else [one.difference for one in self.sets]
        if any(one.interval is None for one in found):
            return ": too few held-out documents; give more, or raise val_fraction"
        return ": A's val and B's val do not agree"


def report(result: AblationResult) -> str:
    """Return the result as text for a terminal, the verdict last."""
    a, b = result.names
    lines = [
        f"A = {a}, {result.available[0]:,} training tokens; "
        f"B = {b}, {result.available[1]:,}; both cut to {result.unique_tokens:,} unique tokens",
        f"{len(result.runs)} models of {result.parameters:,} weights, {result.steps} steps, "
        f"{result.trained_tokens:,} tokens each "
        f"({result.trained_tokens / result.unique_tokens:.1f} epochs)",
        "",
        *_table(result.sets, result.neutral),
        "",
        _seconds(result.runs),
    ]
    if result.neutral is None:
        lines.append(f"WARNING: {OWN_ONLY}")
    return "\n".join([*lines, f"verdict: {result.verdict}"])


def _seconds(runs: Sequence[RunResult]) -> str:
    training = sum(run.train_seconds for run in runs)
    scoring = sum(run.score_seconds for run in runs)
    return f"training took {training:.0f} s, scoring {scoring:.0f} s"


def _table(sets: Sequence[SetResult], neutral: Difference | None) -> list[str]:
    head = ("held-out", "documents", "left out", "A", "B", "A - B", "documents 95 %", "seeds 95 %")
    rows: list[tuple[str, ...]] = [head]
    rows += [_row(s.name, s.difference, f"{s.overlapping + s.short:,}") for s in sets]
    if neutral is not None and sum(one.kind == "neutral" for one in sets) > 1:
        rows.append(_row("neutral, mean of sets", neutral, ""))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def _row(name: str, found: Difference, left_out: str) -> tuple[str, ...]:
    return (
        name,
        f"{found.documents:,}",
        left_out,
        f"{found.bpb_a:.4f}",
        f"{found.bpb_b:.4f}",
        f"{found.difference:+.4f}",
        _interval(found.over_documents),
        _interval(found.over_runs),
    )


def _interval(both: Interval | None) -> str:
    return "n/a" if both is None else f"{both[0]:+.4f} {both[1]:+.4f}"
