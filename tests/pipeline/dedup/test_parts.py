"""Tables in parts."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.pipeline.dedup.parts import (
    PartWriter,
    RowGroups,
    cut_evenly,
    iterate_part,
    read_part,
)

_SCHEMA = pa.schema([("n", pa.uint64()), ("list", pa.list_(pa.uint32()))])


def _table(numbers: list[int]) -> pa.Table:
    return pa.table({"n": numbers, "list": [[n] * (n % 3) for n in numbers]}, schema=_SCHEMA)


@pytest.mark.parametrize("parts", [3, 70_000])
def test_what_is_scattered_comes_back_by_part(tmp_path: Path, parts: int) -> None:
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path, numbers in zip(paths, (range(10), range(10, 15)), strict=True):
        with PartWriter(path, _SCHEMA, parts) as out:
            for some in (list(numbers)[:4], list(numbers)[4:]):
                out.scatter(_table(some), np.array(some) % 2 * (parts - 1))
    even, odd = (read_part(paths, part, _SCHEMA) for part in (0, parts - 1))
    assert even.to_pylist() == _table(list(range(0, 15, 2))).to_pylist()
    assert odd.to_pylist() == _table(list(range(1, 15, 2))).to_pylist()
    assert read_part(paths, 1, _SCHEMA).num_rows == 0
    assert sum(1 for _ in iterate_part(paths, 0)) == 4


def test_an_empty_file(tmp_path: Path) -> None:
    with PartWriter(tmp_path / "a.parquet", _SCHEMA, 4) as out:
        out.scatter(_table([]), np.zeros(0, np.int64))
    assert read_part([tmp_path / "a.parquet"], 0, _SCHEMA).schema == _SCHEMA
    assert read_part([], 0, _SCHEMA).num_rows == 0


def test_row_groups_are_bounded_by_weight(tmp_path: Path) -> None:
    with RowGroups(tmp_path / "a.parquet", _SCHEMA, 10) as out:
        for n in range(7):
            out.write(_table([n]), 4)
    file = pq.ParquetFile(tmp_path / "a.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [3, 3, 1]
    assert file.read()["n"].to_pylist() == list(range(7))


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 12))
def test_runs_cover_all_and_keep_the_budget(sizes: list[int], budget: int) -> None:
    runs = cut_evenly(sizes, budget)
    assert [i for run in runs for i in run] == list(range(len(sizes)))
    for run in runs:
        assert (
            sum(sizes[i] for i in run) <= budget
            or len(run) == 1
            or not any(sizes[i] for i in run[1:])
        )
    for one, two in pairwise(runs):  # no run could have taken its neighbour's first
        assert sum(sizes[i] for i in one) + sizes[two.start] > budget
        assert sizes[two.start] > 0
