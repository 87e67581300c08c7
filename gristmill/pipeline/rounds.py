"""Rounds: the only unit of execution, and the barrier stages (``Gather``) made of them.

A run is a list of rounds. A round is a number of independent tasks that may read everything
earlier rounds published. ``Segment`` rounds push documents through fused Maps and Judges;
a ``Gather`` contributes the rounds it needs, and reads documents through a ``View``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.errors import ShardError
from gristmill.pipeline.shard import Draft, RunFolder
from gristmill.pipeline.sorted_file import read_range
from gristmill.pipeline.stage import Stage, with_columns

#: Called now and then with running counts ("docs_in", "docs_out") of the task at work.
Tick = Callable[[Mapping[str, int]], None]

#: What a barrier says of each member of a cluster. ``survivor`` equals ``key`` for the one kept.
CLUSTERS = pa.schema(
    [("key", pa.uint64()), ("survivor", pa.uint64()), ("cluster_size", pa.int64())]
)


class Work(Protocol):
    """What a round does for each of its tasks. Frozen, picklable, small."""

    def count(self, folder: RunFolder) -> int:
        """Return the number of tasks; depends on the plan and earlier rounds only."""

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Do task ``draft.task``: write files into the draft and set its counts."""


class SingleTask:
    """For work that needs everything in one place."""

    def count(self, folder: RunFolder) -> int:
        """One task."""
        del folder
        return 1


@dataclass(frozen=True)
class Round:
    """A named set of independent tasks; ``stage.part`` or just ``stage``."""

    name: str
    work: Work

    @property
    def stage(self) -> str:
        """The recipe stage that this round belongs to: ``minhash_dedup.bands`` → its first part."""
        return self.name.split(".")[0]


class Outcome(ABC):
    """What a barrier decided about single documents; the next segment applies it, by key."""

    stage: str
    #: Columns that must be there.
    needs: ClassVar[tuple[str, ...]] = ()
    #: What it lists, for messages: ``lists 2 documents to drop, 1 were found``.
    listed_things: ClassVar[str]

    @abstractmethod
    def rows(self, folder: RunFolder, keys: tuple[int, int] | None) -> pa.Table:
        """Return what is listed within a range of keys (both ends included), sorted by key."""

    @abstractmethod
    def columns(self) -> dict[str, pa.DataType]:
        """Columns that ``mark`` adds or rewrites."""

    @abstractmethod
    def reasons(self) -> tuple[str, ...]:
        """Every reason that ``mark`` can give."""

    @abstractmethod
    def mark(self, batch: pa.RecordBatch, rows: pa.Table) -> tuple[pa.RecordBatch, pa.Array]:
        """Apply the rows to a batch; return it and why each document is dropped, or null."""

    @abstractmethod
    def listed(self, rows: pa.Table) -> int:
        """Return how many things are to be found in the documents that rows speak of."""

    @abstractmethod
    def found(self, batch: pa.RecordBatch, reasons: pa.Array) -> int:
        """Return how many of them were found in what ``mark`` returned."""


@dataclass(frozen=True)
class DropList(Outcome):
    """The outcome of a dedup barrier: clusters of keys, of which only the survivor stays.

    Attributes:
        stage: name of the recipe's stage.
        round: what wrote the clusters.
        reason: why all but survivors are dropped.
        copies: (smallest cluster size, copies) by size: how often a document of a cluster is to be
            seen in training; empty = no such column.
    """

    stage: str
    round: str
    reason: str
    copies: tuple[tuple[int, int], ...] = ()

    listed_things: ClassVar[str] = "documents to drop"

    def rows(self, folder: RunFolder, keys: tuple[int, int] | None) -> pa.Table:
        """Return the cluster members within a range of keys (both ends included), sorted by key."""
        if keys is None:
            return CLUSTERS.empty_table()
        paths = folder.outputs(self.round, ".clusters.parquet")
        found = [read_range(path, "key", *keys, CLUSTERS) for path in paths]
        return pa.concat_tables([CLUSTERS.empty_table(), *found]).sort_by("key")

    def columns(self) -> dict[str, pa.DataType]:
        """The survivor of a document's cluster, the number of its members, and copies."""
        found = {f"{self.stage}.survivor": pa.uint64(), f"{self.stage}.cluster_size": pa.int64()}
        return found | ({f"{self.stage}.copies": pa.int64()} if self.copies else {})

    def mark(self, batch: pa.RecordBatch, rows: pa.Table) -> tuple[pa.RecordBatch, pa.Array]:
        """Join the cluster columns by key; return the batch and the reasons."""
        listed = rows["key"].to_numpy()
        keys = batch.column("key").to_numpy()
        at = np.searchsorted(listed, keys)
        found = at < len(listed)
        found[found] = listed[at[found]] == keys[found]
        index = pa.array(at, mask=~found)
        survivor = rows["survivor"].combine_chunks().take(index)
        size = rows["cluster_size"].combine_chunks().take(index)
        values = {f"{self.stage}.survivor": survivor, f"{self.stage}.cluster_size": size}
        if self.copies:
            values[f"{self.stage}.copies"] = self._copies(size)
        dropped = found & (survivor.fill_null(0).to_numpy() != keys)
        reasons = pa.array([self.reason] * len(keys), pa.string(), mask=~dropped)
        return with_columns(batch, values), reasons

    def _copies(self, size: pa.Int64Array) -> pa.Int64Array:
        sizes, copies = (np.array(column, np.int64) for column in zip(*self.copies, strict=True))
        at = np.searchsorted(sizes, size.fill_null(1).to_numpy(), side="right") - 1
        return pa.array(copies[at])

    def reasons(self) -> tuple[str, ...]:
        """The one reason."""
        return (self.reason,)

    def listed(self, rows: pa.Table) -> int:
        """Return how many documents are not the survivor."""
        return int(pc.sum(pc.not_equal(rows["key"], rows["survivor"])).as_py() or 0)

    def found(self, batch: pa.RecordBatch, reasons: pa.Array) -> int:
        """Return how many documents got a reason."""
        return int(batch.num_rows - reasons.null_count)


@dataclass(frozen=True)
class View:
    """The documents as they stand at a barrier: a segment's kept shards, less drop lists.

    Attributes:
        round: the segment.
        drops: what to leave out.
        earlier: names of the rounds before the segment, in order; of the finished documents only.
    """

    round: str
    drops: tuple[DropList, ...] = ()
    earlier: tuple[str, ...] = ()

    def count(self, folder: RunFolder) -> int:
        """Return the number of shards."""
        return len(folder.manifests(self.round))

    def key_range(self, folder: RunFolder, task: int) -> tuple[int, int] | None:
        """Return the smallest and largest key of a shard, or None where it is empty."""
        manifest = folder.manifest(self.round, task)
        keys = manifest.facts["keys"] if manifest else None
        return (keys[0], keys[1]) if keys else None

    def docs_in(self, folder: RunFolder, task: int) -> int:
        """Return the number of documents in a shard before the drop lists."""
        manifest = folder.manifest(self.round, task)
        kept = manifest.output(".kept.parquet") if manifest else None
        if kept is None or kept.docs is None:
            raise ShardError(f"{self.round} task {task}: no kept documents published; run again")
        return kept.docs

    def schema(self, folder: RunFolder, task: int) -> pa.Schema:
        """Return the columns of a shard."""
        return pq.read_schema(self._path(folder, task))

    def raw(
        self, folder: RunFolder, task: int, columns: Sequence[str] | None = None, rows: int = 64
    ) -> Iterator[pa.RecordBatch]:
        """Yield a shard's documents in key order, drop lists not applied."""
        with pq.ParquetFile(self._path(folder, task)) as file:
            for group in range(file.num_row_groups):  # a batch is no larger than one of these
                yield from file.iter_batches(rows, row_groups=[group], columns=columns)

    def batches(
        self, folder: RunFolder, task: int, columns: Sequence[str], rows: int = 64
    ) -> Iterator[pa.RecordBatch]:
        """Yield a shard's documents in key order, without the dropped ones."""
        keys = self.key_range(folder, task)
        listed = [(drop, drop.rows(folder, keys)) for drop in self.drops]
        for batch in self.raw(folder, task, ["key", *(c for c in columns if c != "key")], rows):
            for drop, table in listed:
                _, reasons = drop.mark(batch, table)
                batch = batch.filter(reasons.is_null())
            if batch.num_rows:
                yield batch

    def _path(self, folder: RunFolder, task: int) -> str:
        return str(folder.file(self.round, task, "kept.parquet"))


class Gather(Stage, ABC):
    """Files → files, with all shards in view."""

    #: Works on the finished documents: no Map, Judge or other barrier may follow.
    last: ClassVar[bool] = False

    def reads(self) -> tuple[str, ...]:
        """Columns that must be there."""
        return self.needs

    def numbers(self) -> tuple[str, ...]:
        """Which of them must be numbers."""
        return ()

    @abstractmethod
    def rounds(self, name: str, view: View) -> tuple[Round, ...]:
        """Return the rounds of this stage, named ``name`` or ``name.part``."""

    def outcome(self, name: str) -> Outcome | None:
        """Return what the next segment applies to the documents because of this stage, if anything.

        A later barrier sees a ``DropList`` applied at once, through its view; before it sees any
        other outcome the documents are written anew.
        """
        del name
        return None
