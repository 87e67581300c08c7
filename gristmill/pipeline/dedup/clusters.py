"""From labels to clusters: who survives, by rule and never by order of arrival.

The rule is one number, the *rank*: smaller is better, equal ranks are told apart by the smaller
key. It holds the quality score, if the recipe names one, above the length of the text.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.pipeline.dedup.arrays import U64, Flags, Index, run_starts
from gristmill.pipeline.rounds import CLUSTERS

#: Keys from here on belong to documents of earlier runs: see ``earlier.py``.
FOREIGN = 1 << 63

_LOW = np.uint64(0xFFFFFFFF)


def ranks(lengths: Index, scores: pa.Array | None = None) -> U64:
    """Return the rank of documents: best score first, of equal ones the longest.

    Args:
        lengths: (n,) characters; beyond 2³² all count alike.
        scores: (n,) a quality signal, higher is better; compared as 32-bit floats, null and NaN
            are worst. None: length alone decides.
    """
    good = np.minimum(lengths.astype(np.uint64), _LOW)
    if scores is not None:
        values = (
            scores.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False).astype(np.float32)
        )
        values = np.where(np.isnan(values), np.float32(-np.inf), values) + np.float32(0)  # no -0
        bits = values.view(np.uint32)
        # The order of floats as integers: negative ones reversed, below the others.
        ordered = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31)).astype(np.uint64)
        good |= ordered << np.uint64(32)
    # 0 is kept free: it is the rank of documents that cannot be dropped.
    return np.maximum(~good, np.uint64(1))


def document_ranks(batch: pa.RecordBatch, prefer: str | None) -> pa.UInt64Array:
    """Return the rank of each document of a batch with ``text`` and, if named, the score."""
    lengths = [len(text or "") for text in batch.column("text").to_pylist()]
    scores = batch.column(prefer) if prefer else None
    return pa.array(ranks(np.array(lengths, np.int64), scores), pa.uint64())


def groups_to_compare(starts: Index, rank: U64) -> tuple[Flags, Index]:
    """Keep the groups of two or more that hold a document of ours.

    Args:
        starts: where each group begins; members best rank first.
        rank: (n,) of the members.

    Returns:
        Which members are in such groups, and where these begin among them.
    """
    sizes = np.diff(starts, append=len(rank))
    # Earlier runs' documents have rank 0 and come first: where the last member has it, all have.
    kept = (sizes > 1) & (rank[starts + sizes - 1] > 0)
    return np.repeat(kept, sizes), np.cumsum(sizes[kept]) - sizes[kept]


def choose_survivors(labels: Index, keys: U64, rank: U64) -> pa.Table:
    """Return the clusters of two or more members, one row a member, sorted by key.

    Members of earlier runs can survive and are counted, but get no row.

    Args:
        labels: (n,) cluster of each document.
        keys: (n,) document keys.
        rank: (n,) the survivor has the smallest; of equal ones, the one with the smallest key.
    """
    order = np.lexsort((keys, rank, labels))
    labels, keys = labels[order], keys[order]
    first = run_starts(labels.view(np.uint64))
    sizes = np.diff(first, append=len(labels))
    table = pa.table(
        [
            pa.array(keys, pa.uint64()),
            pa.array(np.repeat(keys[first], sizes), pa.uint64()),
            pa.array(np.repeat(sizes, sizes), pa.int64()),
        ],
        schema=CLUSTERS,
    )
    listed = (np.repeat(sizes, sizes) > 1) & (keys < np.uint64(FOREIGN))
    return table.filter(pa.array(listed)).sort_by("key")


def write_table(table: pa.Table, path: Path) -> None:
    """Write one of the small tables of a dedup stage."""
    pq.write_table(table, path, compression="zstd", row_group_size=1 << 16)
