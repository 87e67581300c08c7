"""Connected components of the duplicate graph: the clusters."""

from dataclasses import dataclass

import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from gristmill.pipeline.dedup.bands import GROUPS
from gristmill.pipeline.dedup.clusters import Keys, choose_survivors, write_table
from gristmill.pipeline.dedup.verify import EDGES
from gristmill.pipeline.rounds import Tick
from gristmill.pipeline.shard import Draft, RunFolder


@dataclass(frozen=True)
class Components:
    """Join all edges into clusters and choose the survivors; one task, integers only.

    ``edges`` names a round that wrote edges, or the groups round itself where verification is
    off: then each group is a star around its smallest key.
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
        n, m = len(nodes), len(a)
        graph = coo_matrix((np.ones(m, np.int8), (index[:m], index[m:])), shape=(n, n))
        labels = connected_components(graph, directed=False)[1] if n else np.zeros(0)
        lengths = self._lengths(draft.folder, nodes)
        clusters = choose_survivors(labels.astype(np.int64), nodes, lengths)
        draft.facts = {"edges": m, "clusters": len(np.unique(labels))}
        write_table(clusters, draft.numbered("clusters.parquet", docs=clusters.num_rows))
        tick({"docs_in": n})

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
