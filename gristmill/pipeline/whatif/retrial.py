"""Judge the documents of a finished segment again, with other thresholds, from stored signals.

Kept and rejected shards hold every signal up to the judge that dropped a document, and, under
``keep_rejected: text``, its text as it stood at that moment. So a verdict can be repeated from
columns alone; only a document that now passes the judge that dropped it must go through the later
Maps, which work on its text. What is not stored (a page's HTML) cannot be made up for: there the
document's fate is unforeseen.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.errors import ConfigError, CorruptError
from gristmill.pipeline.rounds import Outcome
from gristmill.pipeline.segment import EXCERPT, Segment, Step, run_step
from gristmill.pipeline.stage import Map, with_columns
from gristmill.pipeline.whatif.changes import changed_judges, judge
from gristmill.pipeline.whatif.fate import KEPT, Example, Fate, describe, direction

_JUDGED_ROWS = 1 << 16  # signals at a time
_MEASURED_ROWS = 64  # texts at a time, as the readers cut them: the memo of words holds so many

Rows = np.ndarray[Any, Any]


class Retrial:
    """Judges one segment again, shard by shard, and counts the documents whose fate changes.

    Args:
        old: the segment as it ran.
        new: the same with other judges.
        examples: how many documents to describe for each way of changing sides.

    Attributes:
        changed: which steps differ.
        moves: how many documents went from one fate to another.
        examples: the first documents that change sides, in the order of shards.
    """

    def __init__(self, old: Segment, new: Segment, examples: int) -> None:
        self.changed = changed_judges(old, new)
        self.moves: Counter[tuple[Fate, Fate]] = Counter()
        self.examples: list[Example] = []
        self._old, self._new = old.steps, new.steps
        self._keep_rejected, self._wanted = old.keep_rejected, examples
        self._described: Counter[str] = Counter()
        self._place = _places(old.steps)
        needs = {n for i in self.changed for n in judge(old.steps[i]).needs}
        self._columns = sorted(needs | {"key", "id", "url"})

    def shard(self, kept: Path, rejected: Path) -> None:
        """Judge the documents of one shard.

        Raises:
            CorruptError: a file cannot be read.
        """
        if not self.changed:
            return
        for batch in _signals(kept, self._columns):
            none = pa.nulls(batch.num_rows, pa.string())
            batch = with_columns(batch, {"stage": none, "reason": none})
            self._judge(batch, np.full(batch.num_rows, len(self._old)))
        passing, row = [np.zeros(0, np.int64)], 0
        for batch in _signals(rejected, ["stage", "reason", *self._columns]):
            passing.append(row + self._judge(batch, self._dropped_at(batch)))
            row += batch.num_rows
        for batch in _rows(rejected, np.concatenate(passing)):
            self._go_on(batch)

    def _dropped_at(self, batch: pa.RecordBatch) -> Rows:
        """Return the step that dropped each document of a rejected shard."""
        names = pc.binary_join_element_wise(batch["stage"], batch["reason"], "\0")
        codes = names.dictionary_encode()
        try:
            steps = [self._place[name] for name in codes.dictionary.to_pylist()]
        except KeyError as error:
            stage, reason = str(error.args[0]).split("\0")
            raise CorruptError(
                f"stage {stage} never gives reason {reason}: this run was made by another version"
            ) from error
        at: Rows = np.array(steps, np.int64)[codes.indices.to_numpy()]
        return at

    def _judge(self, batch: pa.RecordBatch, at: Rows) -> Rows:
        """Judge by stored signals; return the rows that pass the step ``at`` which dropped them."""
        undecided = np.ones(batch.num_rows, bool)
        passing = [np.zeros(0, np.int64)]
        for i in self.changed:
            rows = np.flatnonzero(undecided & (at >= i))
            if not len(rows):
                continue
            seen, here = batch.take(pa.array(rows)), at[rows] == i
            reasons = _verdicts(self._new[i], seen)
            dropped = reasons.is_valid().to_numpy(zero_copy_only=False)
            passing.append(rows[here & ~dropped])
            undecided[rows[here | dropped]] = False
            same = pc.fill_null(pc.equal(reasons, seen["reason"]), False)
            moved = pa.array(dropped & ~(here & same.to_numpy(zero_copy_only=False)))
            fates = [Fate(self._new[i].stage, r) for r in reasons.filter(moved).to_pylist()]
            self._note(seen.filter(moved), i, fates)
        return np.concatenate(passing)

    def _go_on(self, batch: pa.RecordBatch) -> None:
        """Send documents that pass where they were dropped through the steps after that."""
        at, whole = self._dropped_at(batch), self._whole(batch)
        for i in self.changed:
            for is_whole in (True, False):
                rows = np.flatnonzero((at == i) & (whole == is_whole))
                part = batch.take(pa.array(rows))
                documents = part.drop_columns(["stage", "reason"])
                cut = set() if is_whole else {"text"}
                self._note(part, i, self._remaining(documents, i + 1, cut))

    def _whole(self, batch: pa.RecordBatch) -> Rows:
        """Tell which texts stand in full in the rejected shard."""
        if self._keep_rejected == "excerpt" and "text" in batch.schema.names:
            short = pc.less(pc.utf8_length(batch["text"]), EXCERPT)
            return pc.fill_null(short, True).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]
        return np.ones(batch.num_rows, bool)

    def _remaining(self, batch: pa.RecordBatch, first: int, cut: set[str]) -> list[Fate]:
        """Run the steps from ``first`` on; ``cut`` names columns that are there in part only."""
        fates = [KEPT] * batch.num_rows
        rows = np.arange(batch.num_rows)
        for step in self._new[first:]:
            run = step.run
            if not batch.num_rows or isinstance(run, Outcome):
                break
            if not set(run.needs) <= set(batch.schema.names) - cut:
                for row in rows:
                    fates[row] = Fate(step.stage)
                break
            batch, reasons = run_step(step, batch, {})
            if reasons is None:
                cut = cut - {*run.adds()} if isinstance(run, Map) else cut
                continue
            for row, reason in zip(rows, reasons.to_pylist(), strict=True):
                fates[row] = Fate(step.stage, reason) if reason else KEPT
            stay = reasons.is_null()
            batch, rows = batch.filter(stay), rows[stay.to_numpy(zero_copy_only=False)]
        return fates

    def _note(self, batch: pa.RecordBatch, at: int, fates: Sequence[Fate]) -> None:
        """Count documents whose verdict at a step changed, with what becomes of them now."""
        old = zip(batch["stage"].to_pylist(), batch["reason"].to_pylist(), strict=True)
        for row, move in enumerate(zip((Fate(*f) for f in old), fates, strict=True)):
            self.moves[move] += 1
            way = direction(*move)
            if way != "other_reason" and self._described[way] < self._wanted:
                self._described[way] += 1
                judges = judge(self._old[at]), judge(self._new[at])
                stage = self._old[at].stage
                self.examples.append(describe(batch.slice(row, 1), *move, stage, *judges))


def _places(steps: Sequence[Step]) -> dict[str, int]:
    """Return which step gives which reason, by ``stage NUL reason``."""
    found: dict[str, int] = {}
    for i, step in enumerate(steps):
        for reason in () if isinstance(step.run, Map) else step.run.reasons():
            if found.setdefault(f"{step.stage}\0{reason}", i) != i:
                raise ConfigError(
                    f"{step.stage}: two of its judges give the reason {reason}, so the ledger "
                    "does not say which of them dropped a document; make a new run"
                )
    return found


def _verdicts(step: Step, batch: pa.RecordBatch) -> pa.StringArray:
    return run_step(step, batch, {})[1]


def _signals(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield some columns of a shard."""
    with _opened(path) as file:
        yield from file.iter_batches(_JUDGED_ROWS, columns=columns)


def _rows(path: Path, rows: Rows) -> Iterator[pa.RecordBatch]:
    """Yield some rows of a shard, all columns, reading only the row groups that hold them."""
    if not len(rows):
        return
    rows, start = np.sort(rows), 0
    with _opened(path) as file:
        for group in range(file.num_row_groups):
            end = start + file.metadata.row_group(group).num_rows
            low, high = np.searchsorted(rows, (start, end))
            if low < high:
                wanted = file.read_row_group(group).take(pa.array(rows[low:high] - start))
                yield from wanted.combine_chunks().to_batches(_MEASURED_ROWS)
            start = end


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        raise CorruptError(f"{path}: cannot be read ({error}); run `gristmill verify`") from error
