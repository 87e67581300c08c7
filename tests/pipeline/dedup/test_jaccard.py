"""Jaccard similarity of many pairs."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.pipeline.dedup import jaccard as module
from gristmill.pipeline.dedup.jaccard import SetTable, load_sets
from gristmill.pipeline.dedup.tables import SETS

_SETS = st.lists(st.sets(st.integers(0, 12) | st.just((1 << 32) - 1)), min_size=1, max_size=6)


def loaded(sets: list[set[int]], wanted: list[int] | None = None, files: int = 1) -> SetTable:
    rows = [{"key": 10 * i, "size": len(s), "shingles": sorted(s)} for i, s in enumerate(sets)]
    tables = [pa.Table.from_pylist(rows[i::files], schema=SETS) for i in range(files)]
    nodes = np.array([10 * i for i in range(len(sets))], np.uint64)
    return load_sets(tables, nodes, np.array(range(len(sets)) if wanted is None else wanted))


@given(_SETS, st.sampled_from([0.01, 0.3, 0.5, 0.7, 1.0]), st.sampled_from([1, 5, 1 << 20]))
def test_alike_is_what_the_definition_says(sets, threshold, slab) -> None:
    n = len(sets)
    a, b = (np.repeat(np.arange(n), n), np.tile(np.arange(n), n))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_SLAB", slab)
        found = loaded(sets, files=2).alike(a, b, threshold)
    expected = [
        bool(s | t) and len(s & t) / len(s | t) >= threshold
        for s, t in ((sets[i], sets[j]) for i, j in zip(a, b, strict=True))
    ]
    assert found.tolist() == expected


def test_the_threshold_is_inclusive() -> None:
    table = loaded([{1, 2, 3}, {1, 2, 4}])
    pair = np.array([0]), np.array([1])
    assert table.alike(*pair, 0.5).tolist() == [True]
    assert table.alike(*pair, 0.51).tolist() == [False]


def test_only_the_wanted_are_loaded() -> None:
    table = loaded([{1}, {2, 3}, {4}], wanted=[1])
    assert table.shingles.tolist() == [2, 3]
    assert table.size.tolist() == [0, 2, 0]


def test_a_set_that_comes_twice_counts_once() -> None:
    rows = pa.Table.from_pylist([{"key": 5, "size": 2, "shingles": [1, 2]}], schema=SETS)
    table = load_sets([rows, rows], np.array([5], np.uint64), np.array([0]))
    assert table.alike(np.array([0]), np.array([0]), 1.0).tolist() == [True]
    assert table.size.tolist() == [2]


def test_no_pairs() -> None:
    none = np.zeros(0, np.int64)
    assert loaded([{1}]).alike(none, none, 0.5).tolist() == []
