"""Integer tricks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gristmill.pipeline.dedup.arrays import among, mix, part_of, run_starts, take_runs

_U64 = st.integers(0, (1 << 64) - 1)


@given(st.sets(_U64, min_size=1, max_size=50))
def test_mix_keeps_different_numbers_different(values: set[int]) -> None:
    assert len(set(mix(np.array(sorted(values), np.uint64)).tolist())) == len(values)


@given(st.lists(st.integers(0, 20), max_size=30), st.sets(st.integers(0, 20)))
def test_members_are_found(values: list[int], chosen: set[int]) -> None:
    found = among(np.array(values, np.uint64), np.array(sorted(chosen), np.uint64))
    assert found.tolist() == [value in chosen for value in values]


@given(st.lists(_U64, max_size=30), st.integers(1, 70_000))
def test_parts_are_equal_ranges(values: list[int], parts: int) -> None:
    found = part_of(np.array(values, np.uint64), parts)
    assert found.tolist() == [(v >> 32) * parts >> 32 for v in values]
    assert all(0 <= part < parts for part in found)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=20))
def test_runs_begin_where_a_row_differs(rows: list[tuple[int, int]]) -> None:
    columns = [np.array([row[i] for row in rows], np.uint64) for i in (0, 1)]
    expected = [i for i, row in enumerate(rows) if i == 0 or row != rows[i - 1]]
    assert run_starts(*columns).tolist() == expected


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 5)), max_size=12))
def test_runs_are_taken_in_turn(runs: list[tuple[int, int]]) -> None:
    starts, lengths = (np.array([run[i] for run in runs], np.int64) for i in (0, 1))
    expected = [start + i for start, length in runs for i in range(length)]
    assert take_runs(starts, lengths).tolist() == expected
