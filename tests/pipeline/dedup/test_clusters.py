"""Survivors are chosen by rule."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from gristmill.pipeline.dedup.clusters import choose_survivors, write_table
from gristmill.pipeline.rounds import CLUSTERS

#: (label, key, length): cluster 0 has a longest, cluster 1 a tie, cluster 2 one member only.
_ROWS = [(0, 7, 5), (0, 3, 9), (0, 9, 2), (1, 8, 4), (1, 6, 4), (2, 1, 99)]


def _choose(rows: list[tuple[int, int, int]]) -> list[dict[str, int]]:
    labels, keys, lengths = zip(*rows, strict=True) if rows else ((), (), ())
    table = choose_survivors(
        np.array(labels, np.int64), np.array(keys, np.uint64), np.array(lengths, np.int64)
    )
    assert table.schema == CLUSTERS
    return table.to_pylist()


def test_longest_survives_then_the_smallest_key() -> None:
    assert _choose(_ROWS) == [
        {"key": 3, "survivor": 3, "cluster_size": 3},
        {"key": 6, "survivor": 6, "cluster_size": 2},
        {"key": 7, "survivor": 3, "cluster_size": 3},
        {"key": 8, "survivor": 6, "cluster_size": 2},
        {"key": 9, "survivor": 3, "cluster_size": 3},
    ]


def test_order_of_rows_does_not_matter() -> None:
    expected = _choose(_ROWS)
    assert all(_choose(list(rows)) == expected for rows in permutations(_ROWS))


def test_keys_above_the_sign_bit_sort_as_unsigned() -> None:
    high = (1 << 63) + 5
    assert [r["survivor"] for r in _choose([(0, high, 1), (0, 4, 1)])] == [4, 4]


def test_no_rows_and_no_clusters() -> None:
    assert _choose([]) == []
    assert _choose([(0, 1, 1), (1, 2, 1)]) == []


def test_written_table_reads_back(tmp_path: Path) -> None:
    table = choose_survivors(np.zeros(2, np.int64), np.arange(2, dtype=np.uint64), np.ones(2, int))
    write_table(table, tmp_path / "a.parquet")
    write_table(table, tmp_path / "b.parquet")
    assert pq.read_table(tmp_path / "a.parquet").equals(table)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
