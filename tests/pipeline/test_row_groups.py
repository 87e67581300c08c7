"""Rows held until they make a group."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.pipeline.row_groups import RowGroupFile

SCHEMA = pa.schema([("n", pa.int64())])


def rows(*numbers: int) -> pa.Table:
    return pa.table({"n": numbers}, schema=SCHEMA)


def groups(path: Path) -> list[int]:
    meta = pq.read_metadata(path)
    return [meta.row_group(i).num_rows for i in range(meta.num_row_groups)]


def test_a_group_ends_where_it_is_full_and_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with RowGroupFile(path, SCHEMA, compression="none") as file:
        for numbers, full in (((1, 2), False), ((3,), True), ((4,), True), ((5, 6), False)):
            file._hold(rows(*numbers), full=full)
    assert groups(path) == [3, 1, 2]
    assert pq.read_table(path)["n"].to_pylist() == [1, 2, 3, 4, 5, 6]
    assert pq.read_metadata(path).row_group(0).column(0).compression == "UNCOMPRESSED"


def test_after_an_exception_nothing_more_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"

    def fail() -> None:
        with RowGroupFile(path, SCHEMA) as file:
            file._hold(rows(1), full=True)
            file._hold(rows(2), full=False)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert groups(path) == [1]
