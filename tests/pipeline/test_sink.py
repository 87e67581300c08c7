"""Documents on their way to a file."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.pipeline import sink
from gristmill.pipeline.sink import Sink

SCHEMA = pa.schema([("key", pa.uint64()), ("text", pa.string())])


def batch(*keys: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array(keys, pa.uint64()), pa.array(["x" * 10] * len(keys))], schema=SCHEMA
    )


@pytest.mark.parametrize(("limit", "value"), [("_GROUP_ROWS", 3), ("_GROUP_BYTES", 50)])
def test_row_groups_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(sink, limit, value)
    with Sink(tmp_path / "a.parquet", SCHEMA) as out:
        for start in range(0, 10, 2):
            out.write(batch(start + 1, start))
    assert (out.docs, out.keys) == (10, [0, 9])
    with pq.ParquetFile(tmp_path / "a.parquet") as file:
        groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        assert sum(groups) == 10
        assert max(groups) <= 4
        assert file.read()["key"].to_pylist() == [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]


def test_without_documents_there_is_a_file_with_the_columns(tmp_path: Path) -> None:
    with Sink(tmp_path / "a.parquet", SCHEMA) as out:
        out.write(batch())
    assert (out.docs, out.keys) == (0, [])
    assert pq.read_schema(tmp_path / "a.parquet") == SCHEMA
