"""Signatures of one shard: a column a band, documents in the order of their keys."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.pipeline.dedup.arrays import U32, Index
from gristmill.pipeline.dedup.clusters import document_ranks
from gristmill.pipeline.dedup.parts import RowGroups
from gristmill.pipeline.dedup.shingle_sets import BATCH_DOCS, set_table
from gristmill.pipeline.dedup.signature import Family, Shingler, distinct_sets
from gristmill.pipeline.dedup.tables import SETS
from gristmill.pipeline.rounds import Tick, View
from gristmill.pipeline.shard import Draft, RunFolder
from gristmill.pipeline.stage import with_columns

#: Documents in a row group of signatures, shingles in one of shingles.
_GROUP_DOCS, _GROUP_SHINGLES = 1 << 16, 1 << 24


@dataclass(frozen=True)
class SignShard:
    """Compute the band keys of one shard's documents; those too short for a shingle have none.

    Attributes:
        view: the documents.
        shingler: cuts their texts.
        family: makes keys of shingles.
        prefer: column of a quality score, part of the rank.
        save: also write the shingles, for later runs.
    """

    view: View
    shingler: Shingler
    family: Family
    prefer: str | None
    save: bool

    def count(self, folder: RunFolder) -> int:
        """One task for each shard."""
        return self.view.count(folder)

    def schema(self) -> pa.Schema:
        """Columns of a signature file."""
        return pa.schema([(c, pa.uint64()) for c in ("key", "rank", *self.family.columns)])

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write key, rank and band keys; and the shingles, if they are to be kept."""
        docs = shingles = 0
        ends: list[int] = []
        with ExitStack() as stack:
            path = draft.numbered("signatures.parquet")
            signatures = stack.enter_context(RowGroups(path, self.schema(), _GROUP_DOCS))
            saved = None
            if self.save:
                path = draft.numbered("shingles.parquet")
                saved = stack.enter_context(RowGroups(path, SETS, _GROUP_SHINGLES))
            for batch in self._batches(draft):
                hashes, counts = self.shingler(batch.column("text").to_pylist())
                batch, counts = batch.filter(pa.array(counts > 0)), counts[counts > 0]
                if batch.num_rows:
                    signatures.write(self._sign(batch, hashes, counts), batch.num_rows)
                    ends += batch.column("key").to_pylist()[:: max(batch.num_rows - 1, 1)]
                    ends = [ends[0], ends[-1]]
                if saved and batch.num_rows:
                    sets = set_table(batch.column("key"), distinct_sets(hashes, counts))
                    saved.write(sets, len(hashes))
                docs += batch.num_rows
                shingles += len(hashes)
                tick({"docs_in": docs})
        draft.facts = {"keys": ends, "shingles": shingles}
        draft.numbered("signatures.parquet", docs=docs)
        if self.save:
            draft.numbered("shingles.parquet", docs=docs)

    def _batches(self, draft: Draft) -> Iterator[pa.RecordBatch]:
        columns = ["text", self.prefer] if self.prefer else ["text"]
        for batch in self.view.batches(draft.folder, draft.task, columns, rows=BATCH_DOCS):
            yield with_columns(batch, {"text": pc.fill_null(batch.column("text"), "")})

    def _sign(self, batch: pa.RecordBatch, hashes: U32, counts: Index) -> pa.Table:
        keys = self.family.band_keys(hashes, counts)
        rank = document_ranks(batch, self.prefer)
        return pa.table([batch.column("key"), rank, *map(pa.array, keys)], schema=self.schema())
