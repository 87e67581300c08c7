"""Reading a range of one column."""

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.pipeline.sorted_file import read_range

_SCHEMA = pa.schema([("key", pa.uint64()), ("name", pa.string())])
_VALUES = st.integers(0, 2**64 - 1) | st.integers(0, 9) | st.integers(2**63 - 3, 2**63 + 3)


@settings(max_examples=60, deadline=None)
@given(st.lists(_VALUES, max_size=20), _VALUES, _VALUES, st.integers(1, 7), st.booleans())
def test_the_rows_in_the_range_in_their_order(
    tmp_path_factory, values, low, high, rows, statistics
) -> None:
    path = tmp_path_factory.mktemp("file") / "a.parquet"
    table = pa.table({"key": values, "name": list(map(str, values))}, schema=_SCHEMA)
    pq.write_table(table, path, row_group_size=rows, write_statistics=statistics)
    found = read_range(path, "key", low, high, _SCHEMA)
    assert found.schema == _SCHEMA
    assert found["key"].to_pylist() == [v for v in values if low <= v <= high]
    assert found["name"].to_pylist() == [str(v) for v in values if low <= v <= high]


def test_groups_outside_the_range_are_not_read(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"key": range(100), "name": ["x"] * 100}, schema=_SCHEMA)
    pq.write_table(table, path, row_group_size=10)
    read: list[list[int]] = []
    real = pq.ParquetFile.read_row_groups

    def spy(self, groups, *args, **kwargs):
        read.append(groups)
        return real(self, groups, *args, **kwargs)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", spy)
    assert read_range(path, "key", 15, 31, _SCHEMA).num_rows == 17
    assert read == [[1, 2, 3]]
