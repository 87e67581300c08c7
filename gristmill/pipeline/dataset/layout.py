"""Which rows of which shard go into which file.

Files of a split are equally large: the text of the split is cut into as many parts as the target
asks for, and a document belongs to the part that it begins in. So the place of a document depends
on what stands before it, and a shard at a time is enough to tell.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

SPLITS = ("train", "validation")

#: Rows ``first`` to ``stop`` of a shard (``task``) that are of the file's split go into ``file``.
PIECES = pa.schema(
    [("file", pa.int32()), ("task", pa.int32()), ("first", pa.int64()), ("stop", pa.int64())]
)


def lay_out(
    shards: Iterable[tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]],
    totals: tuple[int, int],
    target: int,
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Cut both splits into files.

    Args:
        shards: for each, the bytes of each document and whether it is held out, in key order.
        totals: bytes of train and of validation, over all shards.
        target: bytes of a file, not passed by more than one document.

    Returns:
        The pieces (schema PIECES), by file, and for each file its split, name and documents.
        A split without documents has none: ``datasets`` cannot load one. Where there are none at
        all, there is one file of train, without rows.
    """
    parts = [max(1, -(-total // target)) for total in totals]
    widths = [max(1, -(-total // n)) for total, n in zip(totals, parts, strict=True)]
    begun = [0, 0]
    found: list[tuple[int, int, int, int, int, int]] = []  # split, part, task, first, stop, docs
    for task, (sizes, held) in enumerate(shards):
        for split in (0, 1):
            rows = np.flatnonzero(held == bool(split))
            if not len(rows):
                continue
            ends = begun[split] + np.cumsum(sizes[rows])
            part = np.minimum((ends - sizes[rows]) // widths[split], parts[split] - 1)
            at = np.flatnonzero(np.diff(part, prepend=-1))
            for a, b in zip(at.tolist(), [*at[1:].tolist(), len(rows)], strict=True):
                first, stop = int(rows[a]), int(rows[b - 1]) + 1
                found.append((split, int(part[a]), task, first, stop, b - a))
            begun[split] = int(ends[-1])
    return _number(sorted(found))


def _number(
    found: list[tuple[int, int, int, int, int, int]],
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Number the parts that hold a document; a long document leaves some without."""
    docs = {} if found else {(0, 0): 0}
    for split, part, *_, n in found:
        docs[split, part] = docs.get((split, part), 0) + n
    order = {name: i for i, name in enumerate(sorted(docs))}
    files: list[dict[str, Any]] = []
    for split, title in enumerate(SPLITS):
        mine = [n for (s, _), n in sorted(docs.items()) if s == split]
        files += [
            {"split": title, "name": f"{title}-{i:05d}-of-{len(mine):05d}.parquet", "docs": n}
            for i, n in enumerate(mine)
        ]
    rows = [(order[split, part], *where) for split, part, *where, _ in found]
    columns = zip(*rows, strict=True) if rows else [[] for _ in PIECES]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, PIECES, strict=True)]
    return pa.table(arrays, schema=PIECES), files
