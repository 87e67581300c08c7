"""From the duplicate graph to clusters: who stays, and who goes because of whom.

With verified edges a document is dropped only because of a survivor that it was itself confirmed to
resemble: chains a ~ b ~ c do not drop c in favour of an a that is nothing like it. Without
verification the clusters are connected components, as datatrove's are.

One task, numbers only. Where the edges exceed the memory setting they are sorted on disk into parts
that hold whole components, and these are handled one after the other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.pipeline.dedup.arrays import U64, Index, distinct_rows, look_up, mix, part_of
from gristmill.pipeline.dedup.clusters import choose_survivors
from gristmill.pipeline.dedup.connected import components_of, stars_on_disk
from gristmill.pipeline.dedup.parts import cut_evenly, recorded_docs
from gristmill.pipeline.dedup.spill import Spill
from gristmill.pipeline.dedup.tables import EDGES
from gristmill.pipeline.rounds import CLUSTERS, SingleTask, Tick, View
from gristmill.pipeline.shard import Draft, RunFolder

#: Bytes of working memory for each edge in hand, its ends and their order included.
_EDGE_BYTES = 256
#: Edges read at once.
_BATCH = 1 << 20


@dataclass(frozen=True)
class Components(SingleTask):
    """Choose the survivors.

    Attributes:
        edges: the rounds that wrote edges.
        verified: whether they were confirmed; else each group is a star around its first member.
        view: the documents; clusters are written in the order of its shards.
        memory: bytes of one task.
        final: whether these are the stage's clusters; only they are counted.
    """

    edges: tuple[str, ...]
    verified: bool
    view: View
    memory: int
    final: bool = True

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the clusters, sorted by key."""
        count = sum(
            docs
            for round_name in self.edges
            for docs in recorded_docs(draft.folder, round_name, ".edges.parquet")
        )
        parts = max(1, -(-count * _EDGE_BYTES // self.memory))
        if parts == 1:
            nothing = np.zeros((0, len(EDGES)), np.uint64)
            pieces = iter([np.concatenate([nothing, *self._read(draft.folder)])])
        else:
            pieces = self._on_disk(draft, parts)
        bounds = self._bounds(draft.folder, parts)
        by_key = Spill(draft.temp / "spill" / "clusters", len(bounds) + 1, len(CLUSTERS))
        figures = {"edges": 0, "clusters": 0}
        for edges in pieces:
            piece = distinct_rows(edges, 0, 2)  # most stand in several partitions
            rows = _clusters(piece, self.verified)
            by_key.add(rows, np.searchsorted(bounds, rows[:, 0], side="right"))
            figures["edges"] += len(piece)
            figures["clusters"] += len(np.unique(rows[:, 1]))
            tick({"docs_in": figures["edges"]})
        if self.final:
            draft.figures = figures
        path, docs = draft.numbered("clusters.parquet"), 0
        with pq.ParquetWriter(path, CLUSTERS, compression="zstd") as out:
            for part in range(by_key.parts):
                rows = by_key.read(part)
                table = _table(rows[np.argsort(rows[:, 0])])
                out.write_table(table, row_group_size=1 << 16)
                docs += len(rows)
        by_key.remove()
        draft.numbered("clusters.parquet", docs=docs)

    def _bounds(self, folder: RunFolder, parts: int) -> U64:
        """Return keys that cut the shards into some ``parts`` runs of as many documents."""
        docs = [self.view.docs_in(folder, task) for task in range(self.view.count(folder))]
        runs = cut_evenly(docs, -(-sum(docs) // parts) or 1)
        ends = [self.view.key_range(folder, run.start) for run in runs[1:]]
        return np.array([end[0] for end in ends if end], np.uint64)

    def _read(self, folder: RunFolder) -> Iterator[U64]:
        """Yield edges (n, 4): the better key, its rank, the worse key, its rank."""
        paths = [p for name in self.edges for p in folder.outputs(name, ".edges.parquet")]
        for path in paths:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(_BATCH, columns=EDGES.names):
                    yield np.stack([column.to_numpy() for column in batch.columns], axis=1)

    def _on_disk(self, draft: Draft, parts: int) -> Iterator[U64]:
        """Yield edges by whole components, part after part."""
        folder = draft.temp / "spill"
        by_end, ends = Spill(folder / "edges", parts, 4), Spill(folder / "ends", parts, 2)
        for rows in self._read(draft.folder):
            to = part_of(mix(rows[:, 0]), parts)
            by_end.add(rows, to)
            ends.add(rows[:, [0, 2]], to)
        stars = stars_on_disk(ends, folder / "stars")
        by_component = Spill(folder / "components", parts, 4)
        for part in range(parts):
            rows, star = by_end.read(part), stars.read(part)
            star = star[np.argsort(star[:, 0])]
            at, found = look_up(rows[:, 0], star[:, 0])
            root = rows[:, 0].copy()  # the smallest key of a component has no star edge
            root[found] = star[at[found], 1]
            by_component.add(rows, part_of(mix(root), parts))
        by_end.remove()
        stars.remove()
        yield from map(by_component.read, range(parts))


def _clusters(edges: U64, verified: bool) -> U64:
    """Return (key, survivor, cluster size) of all members of the clusters that edges make."""
    keys = np.concatenate([edges[:, 0], edges[:, 2]])
    nodes, first, index = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.concatenate([edges[:, 1], edges[:, 3]])[first]
    ends = index[: len(edges)], index[len(edges) :]
    if verified:
        labels = _confirmed(np.lexsort((nodes, rank)), *ends)
    else:
        labels = components_of(len(nodes), *ends)
    table = choose_survivors(labels, nodes, rank)
    return np.stack([column.to_numpy().astype(np.uint64) for column in table.columns], axis=1)


def _table(rows: U64) -> pa.Table:
    columns = [pa.array(rows[:, i], pa.uint64()).cast(f.type) for i, f in enumerate(CLUSTERS)]
    return pa.table(columns, schema=CLUSTERS)


def _confirmed(order: Index, a: Index, b: Index) -> Index:
    """Label each node by the survivor it is confirmed to resemble, itself if there is none.

    Args:
        order: nodes, best first: the order in which they are let stay.
        a: one end of each edge.
        b: the other end.
    """
    n = len(order)
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n)
    better, worse = np.minimum(rank[a], rank[b]), np.maximum(rank[a], rank[b])
    label = np.arange(n)  # by rank; a node whose label is itself stays
    by_worse = np.lexsort((better, worse))
    for low, high in zip(better[by_worse].tolist(), worse[by_worse].tolist(), strict=True):
        # Edges of one node come together, its best neighbour first; all better ones are decided.
        if low != high and label[low] == low and label[high] == high:
            label[high] = low
    return order[label][rank].astype(np.int64)
