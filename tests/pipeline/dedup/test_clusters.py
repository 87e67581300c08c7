"""Survivors are chosen by rule."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from gristmill.pipeline.dedup.clusters import (
    FOREIGN,
    choose_survivors,
    document_ranks,
    ranks,
    write_table,
)
from gristmill.pipeline.rounds import CLUSTERS
from gristmill.pipeline.schema import documents
from gristmill.pipeline.stage import with_columns

#: (label, key, length): cluster 0 has a longest, cluster 1 a tie, cluster 2 one member only.
_ROWS = [(0, 7, 5), (0, 3, 9), (0, 9, 2), (1, 8, 4), (1, 6, 4), (2, 1, 99)]


def _choose(rows: list[tuple[int, int, int]]) -> list[dict[str, int]]:
    labels, keys, lengths = zip(*rows, strict=True) if rows else ((), (), ())
    table = choose_survivors(
        np.array(labels, np.int64), np.array(keys, np.uint64), ranks(np.array(lengths, np.int64))
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


def test_keys_as_large_as_ours_can_be_sort_as_unsigned() -> None:
    high = FOREIGN - 1
    assert [r["survivor"] for r in _choose([(0, high, 1), (0, 4, 1)])] == [4, 4]


def test_documents_of_earlier_runs_survive_and_get_no_row() -> None:
    keys = np.array([5, FOREIGN + 1, 6, FOREIGN], np.uint64)
    rank = np.array([1, 0, 2, 0], np.uint64)
    rows = choose_survivors(np.zeros(4, np.int64), keys, rank).to_pylist()
    assert [row["key"] for row in rows] == [5, 6]
    assert {row["survivor"] for row in rows} == {FOREIGN}
    assert {row["cluster_size"] for row in rows} == {4}


def test_no_rows_and_no_clusters() -> None:
    assert _choose([]) == []
    assert _choose([(0, 1, 1), (1, 2, 1)]) == []


def test_written_table_reads_back(tmp_path: Path) -> None:
    table = choose_survivors(
        np.zeros(2, np.int64), np.arange(2, dtype=np.uint64), np.ones(2, np.uint64)
    )
    write_table(table, tmp_path / "a.parquet")
    write_table(table, tmp_path / "b.parquet")
    assert pq.read_table(tmp_path / "a.parquet").equals(table)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


_SCORES = st.none() | st.floats(width=32)


@given(st.lists(st.tuples(_SCORES, st.integers(0, 1 << 33)), min_size=2, max_size=12))
def test_rank_orders_by_score_then_length(rows) -> None:
    def good(row) -> tuple[float, int]:
        score, length = row
        worst = score is None or score != score
        return (float("-inf") if worst else score, min(length, (1 << 32) - 1))

    scores = pa.array([score for score, _ in rows], pa.float64())
    found = ranks(np.array([length for _, length in rows], np.int64), scores)
    assert found.min() > 0  # 0 is for those that cannot be dropped
    by_rank = [good(rows[i]) for i in np.argsort(found, kind="stable")]
    assert by_rank == sorted(map(good, rows), reverse=True)
    for i, one in enumerate(rows):
        for j, two in enumerate(rows):
            assert (good(one) == good(two)) == (found[i] == found[j])


def test_whole_numbers_are_scores_too() -> None:
    rank = ranks(np.array([1, 1]), pa.array([16_777_217, 2**40]))
    assert rank[1] < rank[0]


def test_rank_without_a_score_is_by_length() -> None:
    batch = documents(["aaa", "a", None, "aa"])
    assert np.argsort(document_ranks(batch, None).to_numpy()).tolist() == [0, 3, 1, 2]
    batch = with_columns(batch, {"score": pa.array([0.1, 0.2, -3.0, 0.2])})
    assert np.argsort(document_ranks(batch, "score").to_numpy()).tolist() == [3, 1, 0, 2]
