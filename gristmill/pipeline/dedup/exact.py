"""Exact deduplication by normalised text, across all inputs.

Two rounds: every shard writes 128-bit hashes sorted by hash; then each hash range, read from all
shards, is grouped. Equal after collapsing white space is equal.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import xxhash

from gristmill.pipeline.dedup.clusters import choose_survivors, write_table
from gristmill.pipeline.rounds import DropList, Gather, Round, Tick, View
from gristmill.pipeline.shard import Draft, RunFolder

#: Documents in one hash range: 32 bytes each while it is grouped.
_RANGE_DOCS = 20_000_000

_HASHES = pa.schema(
    [("high", pa.uint64()), ("low", pa.uint64()), ("key", pa.uint64()), ("length", pa.int64())]
)


def text_hash(text: str) -> tuple[int, int]:
    """Return the 128-bit hash of a text with white space collapsed, as two 64-bit halves."""
    digest = xxhash.xxh3_128_intdigest(" ".join(text.split()).encode("utf-8", "surrogatepass"))
    return digest >> 64, digest & 0xFFFFFFFFFFFFFFFF


class ExactDedup(Gather):
    """Keep one of all documents with the same text: the longest, then the smallest key."""

    needs: ClassVar[tuple[str, ...]] = ("text",)

    def rounds(self, name: str, view: View) -> tuple[Round, ...]:
        """Hash every shard, then group every hash range."""
        hashes = Round(f"{name}.hashes", HashShard(view))
        return hashes, Round(f"{name}.clusters", GroupRange(hashes.name))

    def drop_list(self, name: str) -> DropList:
        """Everything but survivors."""
        return DropList(name, f"{name}.clusters", "exact_duplicate")


@dataclass(frozen=True)
class HashShard:
    """Hash the documents of one shard."""

    view: View

    def count(self, folder: RunFolder) -> int:
        """One task for each shard."""
        return self.view.count(folder)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write (high, low, key, length), sorted by hash."""
        rows: list[tuple[int, int, int, int]] = []
        for batch in self.view.batches(draft.folder, draft.task, ["text"]):
            for key, text in zip(
                *(batch.column(c).to_pylist() for c in ("key", "text")), strict=True
            ):
                rows.append((*text_hash(text or ""), key, len(text or "")))
            tick({"docs_in": len(rows)})
        columns = zip(*sorted(rows), strict=True) if rows else [[]] * 4
        arrays = [pa.array(c, f.type) for c, f in zip(columns, _HASHES, strict=True)]
        table = pa.table(arrays, schema=_HASHES)
        write_table(table, draft.numbered("hashes.parquet", docs=len(rows)))


@dataclass(frozen=True)
class GroupRange:
    """Group one range of hashes over all shards."""

    hashes: str

    def count(self, folder: RunFolder) -> int:
        """As many ranges as keep each within memory."""
        docs = sum(o.docs or 0 for m in folder.manifests(self.hashes) for o in m.outputs)
        return -(-max(docs, 1) // _RANGE_DOCS)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the clusters whose hash falls into this range."""
        ranges = self.count(draft.folder)
        low = (draft.task << 64) // ranges
        high = ((draft.task + 1) << 64) // ranges - 1
        paths = [str(p) for p in draft.folder.outputs(self.hashes, ".hashes.parquet")]
        inside = (ds.field("high") >= pa.scalar(low, pa.uint64())) & (
            ds.field("high") <= pa.scalar(high, pa.uint64())
        )
        table = ds.dataset(paths, schema=_HASHES).to_table(filter=inside)
        h1, h2, keys, lengths = (table[name].to_numpy() for name in _HASHES.names)
        order = np.lexsort((h2, h1))
        changed = (np.diff(h1[order]) != 0) | (np.diff(h2[order]) != 0)
        labels = np.r_[0, np.cumsum(changed)] if len(order) else np.zeros(0, np.int64)
        clusters = choose_survivors(labels.astype(np.int64), keys[order], lengths[order])
        write_table(clusters, draft.numbered("clusters.parquet", docs=clusters.num_rows))
        tick({"docs_in": table.num_rows})
