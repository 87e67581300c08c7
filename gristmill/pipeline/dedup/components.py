"""From the duplicate graph to clusters: who stays, and who goes because of whom.

With verified edges a document is dropped only because of a survivor that it was itself confirmed to
resemble: chains a ~ b ~ c do not drop c in favour of an a that is nothing like it. Without
verification the clusters are connected components, as datatrove's are.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gristmill.pipeline.dedup.bands import GROUPS
from gristmill.pipeline.dedup.clusters import Counts, Keys, choose_survivors, write_table
from gristmill.pipeline.dedup.verify import EDGES
from gristmill.pipeline.rounds import Tick
from gristmill.pipeline.shard import Draft, RunFolder

Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Components:
    """Choose the survivors; one task, integers only.

    ``edges`` names a round that wrote confirmed edges, or the groups round itself where
    verification is off: then each group is a star around its first member.
    """

    edges: str
    groups: str

    def count(self, folder: RunFolder) -> int:
        """One."""
        del folder
        return 1

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the clusters."""
        a, b = self._read_edges(draft.folder)
        nodes, index = np.unique(np.concatenate([a, b]), return_inverse=True)
        lengths = self._lengths(draft.folder, nodes)
        ends = index[: len(a)], index[len(a) :]
        if self.edges == self.groups:
            labels = _connected(len(nodes), *ends)
        else:
            labels = _confirmed(np.lexsort((nodes, -lengths)), *ends)
        clusters = choose_survivors(labels, nodes, lengths)
        survivors = np.unique(clusters["survivor"].to_numpy())
        draft.facts = {"edges": len(a), "clusters": len(survivors)}
        write_table(clusters, draft.numbered("clusters.parquet", docs=clusters.num_rows))
        tick({"docs_in": len(nodes)})

    def _read_edges(self, folder: RunFolder) -> tuple[Keys, Keys]:
        paths = [str(p) for p in folder.outputs(self.edges, ".parquet")]
        if self.edges != self.groups:
            table = ds.dataset(paths, schema=EDGES).to_table()
            return table["a"].to_numpy(), table["b"].to_numpy()
        first, second = [], []
        for path in paths:
            table = pq.read_table(path, columns=["group", "key"])
            group, keys = table["group"].to_numpy(), table["key"].to_numpy()
            starts = np.flatnonzero(np.r_[True, np.diff(group) != 0]) if len(group) else group
            first.append(np.repeat(keys[starts], np.diff(np.r_[starts, len(keys)])))
            second.append(keys)
        return np.concatenate(first), np.concatenate(second)

    def _lengths(
        self, folder: RunFolder, nodes: Keys
    ) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        paths = [str(p) for p in folder.outputs(self.groups, ".groups.parquet")]
        table = ds.dataset(paths, schema=GROUPS).to_table(["key", "length"])
        keys, first = np.unique(table["key"].to_numpy(), return_index=True)
        lengths = table["length"].to_numpy()[first]
        return lengths[np.searchsorted(keys, nodes)] if len(nodes) else np.zeros(0, np.int64)


def _connected(n: int, a: Index, b: Index) -> Counts:
    """Label n nodes by connected component."""
    graph = coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(n, n))
    labels = connected_components(graph, directed=False)[1] if n else np.zeros(0)
    return labels.astype(np.int64)


def _confirmed(order: Index, a: Index, b: Index) -> Counts:
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
