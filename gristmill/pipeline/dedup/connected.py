"""Connected components of a graph on 64-bit keys: in memory, or on disk where it does not fit.

On disk: alternate large-star and small-star until nothing changes (Kiveris et al. 2014, "Connected
Components in MapReduce and Beyond"). Both look at one node and its neighbours at a time, so edges
are spread over files by node and each file is handled on its own. Every component ends as a star
around its smallest key.
"""

from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np

from gristmill.pipeline.dedup.arrays import (
    GOLDEN,
    U64,
    Index,
    distinct_rows,
    mix,
    part_of,
    run_starts,
)
from gristmill.pipeline.dedup.spill import Spill


def components_of(nodes: int, a: Index, b: Index) -> Index:
    """Return (nodes,) the component of each node, for edges between nodes ``a`` and ``b``."""
    from scipy.sparse import coo_matrix  # a fifth of a second: only when it is needed
    from scipy.sparse.csgraph import connected_components

    if nodes == 0:
        return np.zeros(0, np.int64)
    graph = coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(nodes, nodes))
    labels: Index = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels


def stars_on_disk(edges: Spill, folder: Path) -> Spill:
    """Return (node, smallest key of its component) of every node that is not the smallest.

    Args:
        edges: (one end, other end) in any part, in any direction; may repeat. Removed on return.
        folder: where to work.

    Returns:
        Rows in the part that ``part_of(mix(node), parts)`` says.
    """
    before = None
    for turn in count():
        for name, step in (("large", _large_star), ("small", _small_star)):
            edges, state = _pass(edges, folder / f"{name}-{turn}", step)
        if state == before:
            return edges
        before = state
    raise AssertionError  # count() does not end


_Step = Callable[[U64, U64, U64], U64]


def _pass(edges: Spill, folder: Path, step: _Step) -> tuple[Spill, tuple[int, int]]:
    """Apply one kind of star to every node; return the new edges and a fingerprint of them."""
    by_node = Spill(folder / "by-node", edges.parts, 2)
    for part in range(edges.parts):
        rows = edges.read(part)
        rows = rows[rows[:, 0] != rows[:, 1]]
        if step is _large_star:
            rows = np.concatenate([rows, rows[:, ::-1]])
        else:
            rows = np.sort(rows, axis=1)[:, ::-1]
        by_node.add(rows, part_of(mix(rows[:, 0]), edges.parts))
    edges.remove()
    out = Spill(folder / "out", edges.parts, 2)
    number, total = 0, 0
    for part in range(edges.parts):
        rows = distinct_rows(by_node.read(part), 0, 1)
        starts = run_starts(rows[:, 0])
        if not len(starts):
            continue
        sizes = np.diff(starts, append=len(rows))
        smallest = np.minimum(rows[starts, 0], np.minimum.reduceat(rows[:, 1], starts))
        rows = distinct_rows(step(rows[:, 0], rows[:, 1], np.repeat(smallest, sizes)), 0, 1)
        out.add(rows, part_of(mix(rows[:, 0]), edges.parts))
        number += len(rows)
        total += int(mix(mix(rows[:, 0]) * GOLDEN + rows[:, 1]).sum())
    by_node.remove()
    return out, (number, total % (1 << 64))


def _large_star(node: U64, neighbour: U64, smallest: U64) -> U64:
    """Hang every larger neighbour of a node on the smallest one around it."""
    larger = neighbour > node
    return np.stack([neighbour[larger], smallest[larger]], axis=1)


def _small_star(node: U64, neighbour: U64, smallest: U64) -> U64:
    """Hang a node and its smaller neighbours on the smallest of them."""
    rows: U64 = np.concatenate(
        [np.stack([neighbour, smallest], axis=1), np.stack([node, smallest], axis=1)]
    )
    kept: U64 = rows[rows[:, 0] != rows[:, 1]]
    return kept
