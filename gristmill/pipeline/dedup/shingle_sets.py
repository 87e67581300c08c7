"""Second pass over the text: the shingles of candidates, sent to whoever compares them.

Only documents that share a band with another are looked at again. Each group of shards reads its
own texts once and writes one file, a part for each partition of candidate groups.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.pipeline.dedup.arrays import U32, U64, Index, among, take_runs
from gristmill.pipeline.dedup.earlier import Compared, owners
from gristmill.pipeline.dedup.parts import PartWriter, cut_evenly, read_part
from gristmill.pipeline.dedup.signature import Shingler, distinct_sets
from gristmill.pipeline.dedup.tables import SETS, WANTED
from gristmill.pipeline.rounds import Tick, View
from gristmill.pipeline.shard import Draft, RunFolder

#: Documents cut into shingles at once, fewer where they are long: at most a row group of texts.
BATCH_DOCS = 1024
#: Bytes of working memory for each shingle in hand, while sets are compared.
SHINGLE_BYTES = 32
#: What a document is expected to need of a partition's memory: a quarter of its shingles, as few
#: documents are candidates; and its places in groups of several bands.
_CANDIDATE_BYTES, _DOC_BYTES = SHINGLE_BYTES // 4, 1024


@dataclass(frozen=True)
class SetPlan:
    """Who reads which shards again, and how many partitions there are to compare.

    Attributes:
        signatures: the files that say how many shingles each shard has.
        memory: bytes of one task.
    """

    signatures: Compared
    memory: int

    def _sizes(self, folder: RunFolder) -> list[int]:
        files = self.signatures.files(folder)
        return [
            max(file.manifest.facts["shingles"] * _CANDIDATE_BYTES, file.docs * _DOC_BYTES)
            for file in files
        ]

    def partitions(self, folder: RunFolder) -> int:
        """As many as keep each within memory; one that is larger than expected takes turns."""
        return max(1, -(-sum(self._sizes(folder)) // self.memory))

    def groups(self, folder: RunFolder) -> list[range]:
        """Which shards' files are read again by the same task."""
        return cut_evenly(self._sizes(folder), self.memory)

    def owners(self, folder: RunFolder, keys: U64) -> tuple[Index, int]:
        """Return which task reads each document again, and the number of tasks."""
        groups = self.groups(folder)
        return owners(self.signatures.files(folder), groups, keys), len(groups)


@dataclass(frozen=True)
class FetchSets:
    """Write the shingles of the wanted documents of one group of shards.

    Attributes:
        plan: which task reads which shards, and for how many partitions.
        groups: the round that says who is wanted where.
        view: the documents of this run.
        shingler: cuts their texts.
        saved: shingles kept from signing, read instead of text where they are.
    """

    plan: SetPlan
    groups: str
    view: View
    shingler: Shingler
    saved: Compared

    def count(self, folder: RunFolder) -> int:
        """One task for each group of shards."""
        return len(self.plan.groups(folder))

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Read texts again, or saved shingles, and send them on."""
        folder, docs = draft.folder, 0
        keys, parts = self._wanted(folder, draft.task)
        partitions = self.plan.partitions(folder)
        with PartWriter(draft.numbered("sets.arrow"), SETS, partitions) as out:
            held: list[tuple[pa.Table, Index]] = []
            weight = 0
            for table in self._sets(folder, draft.task, keys):
                held.append(_copied(table, keys, parts))
                weight += held[-1][0].nbytes
                docs += table.num_rows
                tick({"docs_in": docs})
                if weight * 4 >= self.plan.memory:
                    _send(held, out)
                    held, weight = [], 0
            _send(held, out)
        draft.numbered("sets.arrow", docs=docs)

    def _wanted(self, folder: RunFolder, task: int) -> tuple[U64, Index]:
        """Return distinct (key, partition), sorted."""
        paths = folder.outputs(self.groups, ".wanted.arrow")
        table = read_part(paths, task, WANTED).group_by(["key", "part"]).aggregate([])
        table = table.sort_by([("key", "ascending"), ("part", "ascending")])
        return table["key"].to_numpy(), table["part"].to_numpy().astype(np.int64)

    def _sets(self, folder: RunFolder, task: int, wanted: U64) -> Iterator[pa.Table]:
        """Yield the sets of the wanted documents in the order of keys."""
        files, saved = (source.files(folder) for source in (self.plan.signatures, self.saved))
        for number in self.plan.groups(folder)[task]:
            if not files[number].docs:
                continue
            if saved[number].manifest.output(self.saved.suffix):
                for table in saved[number].tables(["size", "shingles"]):
                    yield _those(table, wanted)
                continue
            shard = files[number].manifest.task
            for batch in self.view.batches(folder, shard, ["text"], rows=BATCH_DOCS):
                hit = _those(pa.Table.from_batches([batch.select(["key", "text"])]), wanted)
                if hit.num_rows:
                    yield set_table(
                        hit["key"], distinct_sets(*self.shingler(hit["text"].to_pylist()))
                    )


def _those(table: pa.Table, keys: U64) -> pa.Table:
    return table.filter(pa.array(among(table["key"].to_numpy(), keys)))


def set_table(keys: pa.ChunkedArray, sets: Sequence[U32]) -> pa.Table:
    """Return documents' shingle sets as a table of ``SETS``."""
    sizes = np.fromiter(map(len, sets), np.int64, len(sets))
    flat = pa.array(np.concatenate(sets) if sets else np.zeros(0, np.uint32), pa.uint32())
    lists = pa.ListArray.from_arrays(pa.array(np.r_[0, np.cumsum(sizes)], pa.int32()), flat)
    return pa.table([keys, pa.array(sizes), lists], schema=SETS)


def _copied(table: pa.Table, keys: U64, parts: Index) -> tuple[pa.Table, Index]:
    """Return each set once for every partition that wants it, and those partitions."""
    found = table["key"].to_numpy()  # sorted, as ``keys`` is
    low, high = (np.searchsorted(keys, found, side) for side in ("left", "right"))
    copies = table.take(pa.array(np.repeat(np.arange(len(found)), high - low)))
    return copies, parts[take_runs(low, high - low)]


def _send(held: list[tuple[pa.Table, Index]], out: PartWriter) -> None:
    if held:
        tables, parts = zip(*held, strict=True)
        out.scatter(pa.concat_tables(tables), np.concatenate(parts))
