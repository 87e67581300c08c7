"""Candidate groups: documents that agree in one band.

A task is one band within one range of band keys, so memory is bounded by ``_RANGE_DOCS`` however
large the corpus is.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from gristmill.pipeline.dedup.clusters import write_table
from gristmill.pipeline.rounds import Tick
from gristmill.pipeline.shard import Draft, RunFolder

#: Documents in one range: 24 bytes each while it is sorted.
_RANGE_DOCS = 50_000_000

#: ``group`` numbers the groups of one file; members stand together, the one that would survive
#: first (longest, then smallest key).
GROUPS = pa.schema([("group", pa.int64()), ("key", pa.uint64()), ("length", pa.int64())])


@dataclass(frozen=True)
class BandGroups:
    """Group the documents of all shards by one band."""

    signatures: str
    bands: int

    def count(self, folder: RunFolder) -> int:
        """Bands × ranges."""
        return self.bands * self._ranges(folder)

    def _ranges(self, folder: RunFolder) -> int:
        docs = sum(o.docs or 0 for m in folder.manifests(self.signatures) for o in m.outputs)
        return -(-max(docs, 1) // _RANGE_DOCS)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the groups of two or more."""
        ranges = self._ranges(draft.folder)
        band, part = divmod(draft.task, ranges)
        column = f"band_{band:03d}"
        low, high = (part << 64) // ranges, ((part + 1) << 64) // ranges - 1
        inside = (ds.field(column) >= pa.scalar(low, pa.uint64())) & (
            ds.field(column) <= pa.scalar(high, pa.uint64())
        )
        paths = [str(p) for p in draft.folder.outputs(self.signatures, ".signatures.parquet")]
        table = ds.dataset(paths).to_table([column, "key", "length"], filter=inside)
        value, keys, lengths = (table[c].to_numpy() for c in (column, "key", "length"))
        order = np.lexsort((keys, -lengths, value))
        value, keys, lengths = value[order], keys[order], lengths[order]
        starts = np.flatnonzero(np.r_[True, value[1:] != value[:-1]]) if len(value) else order
        sizes = np.diff(np.r_[starts, len(value)])
        many = np.repeat(sizes > 1, sizes)
        group = np.repeat(np.cumsum(sizes > 1) - 1, sizes)
        arrays = [
            pa.array(group[many], pa.int64()),
            pa.array(keys[many], pa.uint64()),
            pa.array(lengths[many], pa.int64()),
        ]
        draft.facts = {"groups": int((sizes > 1).sum())}
        out = draft.numbered("groups.parquet", docs=int(many.sum()))
        write_table(pa.table(arrays, schema=GROUPS), out)
        tick({"docs_in": len(keys)})
