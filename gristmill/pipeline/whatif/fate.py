"""What becomes of a document, and why that changes with other thresholds."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from gristmill.pipeline.stage import Judge, with_columns

#: What a change of fate means for a document; all but the last are changes of sides.
DIRECTIONS = ("newly_kept", "newly_dropped", "unforeseen", "other_reason")


@dataclass(frozen=True)
class Fate:
    """Where a document ends: dropped by a stage; kept (no stage); unforeseen there (no reason)."""

    stage: str | None = None
    reason: str | None = None

    def __str__(self) -> str:
        """In words."""
        if self.stage is None:
            return "kept"
        return f"{self.stage}: {self.reason}" if self.reason else f"unforeseen from {self.stage} on"


KEPT = Fate()


def direction(old: Fate, new: Fate) -> str:
    """Return which of ``DIRECTIONS`` a change of fate is."""
    if new.stage and not new.reason:
        return "unforeseen"
    if new == KEPT:
        return "newly_kept"
    return "newly_dropped" if old == KEPT else "other_reason"


@dataclass(frozen=True)
class Example:
    """A document that changes sides. Kept means: up to the first stage with all documents in view.

    Attributes:
        key: of the document, as in the shards.
        id: WARC-Record-ID, or the input's own id.
        url: where it came from.
        old: what became of it.
        new: what would become of it.
        stage: whose verdict changes first.
        signals: what that verdict rests on.
        thresholds: what makes the difference, by parameter: (old, new).
    """

    key: int
    id: str | None
    url: str | None
    old: Fate
    new: Fate
    stage: str
    signals: dict[str, Any]
    thresholds: dict[str, tuple[Any, Any]]


def describe(
    row: pa.RecordBatch, old: Fate, new: Fate, stage: str, before: Judge, after: Judge
) -> Example:
    """Describe a document (one row) by the signals and thresholds that its change hangs on.

    A signal counts if without it the verdicts would be others, a threshold if with its old value
    the new verdict would be another; all of them where none alone does that.
    """

    def verdicts(batch: pa.RecordBatch) -> tuple[Any, Any]:
        return before(batch)[0].as_py(), after(batch)[0].as_py()

    def without(name: str) -> pa.RecordBatch:
        return with_columns(row, {name: pa.nulls(1, row.schema.field(name).type)})

    found = verdicts(row)
    signals = [n for n in before.needs if verdicts(without(n)) != found]
    fields = [n for n in type(before).model_fields if getattr(before, n) != getattr(after, n)]
    undone = {n: after.model_copy(update={n: getattr(before, n)}) for n in fields}
    decisive = [n for n in fields if undone[n](row)[0].as_py() != found[1]]
    return Example(
        key=row["key"][0].as_py(),
        id=row["id"][0].as_py(),
        url=row["url"][0].as_py(),
        old=old,
        new=new,
        stage=stage,
        signals={name: row[name][0].as_py() for name in signals or before.needs},
        thresholds={n: (getattr(before, n), getattr(after, n)) for n in decisive or fields},
    )
