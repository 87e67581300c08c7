"""From labels to clusters: who survives, by rule and never by order of arrival."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.pipeline.rounds import CLUSTERS

Keys = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]


def choose_survivors(labels: Counts, keys: Keys, lengths: Counts) -> pa.Table:
    """Return the clusters of two or more members, one row a member, sorted by key.

    The survivor of a cluster is its longest document; of equals, the one with the smallest key.

    Args:
        labels: (n,) cluster of each document.
        keys: (n,) document keys.
        lengths: (n,) characters.
    """
    order = np.lexsort((keys, -lengths, labels))
    labels, keys = labels[order], keys[order]
    first = np.flatnonzero(np.r_[True, labels[1:] != labels[:-1]]) if len(labels) else labels
    sizes = np.diff(np.r_[first, len(labels)])
    table = pa.table(
        [
            pa.array(keys, pa.uint64()),
            pa.array(np.repeat(keys[first], sizes), pa.uint64()),
            pa.array(np.repeat(sizes, sizes), pa.int64()),
        ],
        schema=CLUSTERS,
    )
    return table.filter(pa.array(np.repeat(sizes, sizes) > 1)).sort_by("key")


def write_table(table: pa.Table, path: Path) -> None:
    """Write one of the small tables of a dedup stage."""
    pq.write_table(table, path, compression="zstd", row_group_size=1 << 16)
