"""The funnel of a run with other thresholds, as far as its stored signals tell it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gristmill.errors import CorruptError
from gristmill.pipeline.manifest import StageCount, merge_counts
from gristmill.pipeline.rounds import Round
from gristmill.pipeline.segment import Segment
from gristmill.pipeline.shard import RunFolder
from gristmill.pipeline.stage import Map
from gristmill.pipeline.verify import check_files
from gristmill.pipeline.whatif.changes import changed_judges, parameters
from gristmill.pipeline.whatif.fate import DIRECTIONS, Example, Fate, direction
from gristmill.pipeline.whatif.retrial import Retrial


@dataclass(frozen=True)
class WhatIf:
    """What a run would have given with other thresholds.

    Attributes:
        run_id: of the run that was judged again.
        changes: parameters that differ, as ``stage.parameter``: (old, new).
        old: the funnel as it was, in the order documents pass the stages.
        new: the same stages as they would be; None where that is not foreseen. ``docs_in`` is
            ``docs_out``, the drops and the stage's ``unforeseen`` together.
        unforeseen: documents that would now reach a stage which needs what is not stored, by stage.
            They are missing from the stages after it: figures from there on are lower bounds.
        documents: how many change sides (``newly_kept``, ``newly_dropped``), are dropped for an
            ``other_reason``, or may change sides (``unforeseen``).
        examples: documents that change sides.
        notes: what limits the answer, in words.
    """

    run_id: str
    changes: dict[str, tuple[Any, Any]]
    old: tuple[StageCount, ...]
    new: tuple[StageCount | None, ...]
    unforeseen: dict[str, int]
    documents: dict[str, int]
    examples: tuple[Example, ...]
    notes: tuple[str, ...]

    @property
    def not_foreseen(self) -> list[str]:
        """Stages of which nothing can be said."""
        return [a.name for a, b in zip(self.old, self.new, strict=True) if b is None]

    def to_dict(self) -> dict[str, Any]:
        """The object that ``gristmill whatif --json`` prints."""
        stages, exact = [], True
        for old, new in zip(self.old, self.new, strict=True):
            unforeseen = self.unforeseen.get(old.name, 0)
            exact = exact and new is not None and not unforeseen
            stages.append(
                {
                    "name": old.name,
                    "old": _figures(old),
                    "new": None if new is None else _figures(new),
                    "unforeseen": None if new is None else unforeseen,
                    "exact": exact,
                }
            )
        return {
            "run_id": self.run_id,
            "changes": {name: _pair(*pair) for name, pair in self.changes.items()},
            "stages": stages,
            "documents": self.documents,
            "not_foreseen": self.not_foreseen,
            "notes": list(self.notes),
            "examples": [_example(example) for example in self.examples],
        }


def foresee(
    folder: RunFolder, rounds: Sequence[Round], other: Sequence[Round], examples: int = 5
) -> WhatIf:
    """Judge the documents of a run again.

    Args:
        folder: of the run; its first segment must be finished.
        rounds: of its recipe.
        other: of the same recipe with other thresholds.
        examples: how many documents to describe for each way of changing sides.

    Raises:
        ConfigError: something else than a threshold differs.
        IncompleteError: a segment whose thresholds change is not finished.
        CorruptError: a shard cannot be read.
    """
    new_work = {round_.name: round_.work for round_ in other}
    pairs = [
        (round_.name, round_.work, work)
        for round_ in rounds
        if isinstance(round_.work, Segment)
        and isinstance(work := new_work.get(round_.name), Segment)
    ]
    changes = {name: pair for _, a, b in pairs for name, pair in parameters(a, b).items()}
    old = merge_counts(
        [c for r in rounds if folder.sealed(r.name) for m in folder.manifests(r.name)
         for c in m.stages]
    )  # fmt: skip
    new: dict[str, StageCount | None] = {count.name: count for count in old}
    moves: Counter[tuple[Fate, Fate]] = Counter()
    described: list[Example] = []
    notes: list[str] = []
    for name, before, after in pairs:
        if not changed_judges(before, after):
            continue
        trial = Retrial(before, after, examples)
        for manifest in folder.manifests(name):
            if found := check_files(folder, manifest, quick=True):
                raise CorruptError(found[0].message)
            paths = (folder.file(name, manifest.task, f"{w}.parquet") for w in ("kept", "rejected"))
            trial.shard(*paths)
        moves += trial.moves
        described += trial.examples
        stages = [c for c in old if c.name in {step.stage for step in before.steps}]
        new |= {count.name: count for count in recount(stages, trial.moves)}
        if any(direction(*move) != "other_reason" for move in trial.moves):
            later = old[old.index(stages[-1]) + 1 :]
            new |= dict.fromkeys(count.name for count in later)
            notes += _notes(after, trial.moves, [count.name for count in later])
            break
    return WhatIf(
        run_id=folder.run_id,
        changes=changes,
        old=tuple(old),
        new=tuple(new.values()),
        unforeseen=_unforeseen(moves),
        documents={
            d: sum(n for move, n in moves.items() if direction(*move) == d) for d in DIRECTIONS
        },
        examples=tuple(described),
        notes=tuple(notes),
    )


def recount(
    stages: Sequence[StageCount], moves: Mapping[tuple[Fate, Fate], int]
) -> list[StageCount]:
    """Return the counts of a segment's stages after some documents changed their fate."""
    drops = {stage.name: Counter(stage.drops) for stage in stages}
    for (old, new), n in moves.items():
        if old.stage and old.reason:
            drops[old.stage][old.reason] -= n
        if new.stage and new.reason:
            drops[new.stage][new.reason] += n
    unforeseen = _unforeseen(moves)
    found, docs = [], stages[0].docs_in
    for name, reasons in drops.items():
        left = docs - reasons.total() - unforeseen.get(name, 0)
        told = {reason: n for reason, n in sorted(reasons.items()) if n}
        found.append(StageCount(name=name, docs_in=docs, docs_out=left, drops=told))
        docs = left
    return found


def _unforeseen(moves: Mapping[tuple[Fate, Fate], int]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (_, new), n in moves.items():
        if new.stage and not new.reason:
            found[new.stage] += n
    return dict(sorted(found.items()))


def _notes(
    segment: Segment, moves: Mapping[tuple[Fate, Fate], int], later: Sequence[str]
) -> list[str]:
    """Say in words what is not foreseen, and what would tell."""
    notes = []
    for stage, n in _unforeseen(moves).items():
        needs = {x for s in segment.steps if s.stage == stage and isinstance(s.run, Map)
                 for x in s.run.needs}  # fmt: skip
        remedy = "their pages are not stored; only a new run tells"
        if "html" not in needs and segment.keep_rejected != "text":
            remedy = (
                f"keep_rejected is {segment.keep_rejected}, so their text is not stored in full; "
                "a run with keep_rejected: text can tell"
            )
        notes.append(f"unforeseen: {n:,} documents would now reach {stage}; {remedy}")
    if later:
        notes.append(
            f"not foreseen: {', '.join(later)}; {later[0]} has all documents in view, and they "
            "would be others; only a new run tells"
        )
    return notes


def _figures(count: StageCount) -> dict[str, Any]:
    return count.model_dump(exclude={"name"})


def _pair(old: Any, new: Any) -> dict[str, Any]:
    return {"old": old, "new": new}


def _example(example: Example) -> dict[str, Any]:
    body = asdict(example) | {"old": str(example.old), "new": str(example.new)}
    return body | {"thresholds": {n: _pair(*pair) for n, pair in example.thresholds.items()}}
