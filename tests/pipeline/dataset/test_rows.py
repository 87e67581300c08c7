"""A range of rows is what a slice of the table is; row groups are bounded."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.pipeline import sink
from gristmill.pipeline.dataset.rows import DatasetFile, read_rows

SCHEMA = pa.schema([("n", pa.int64()), ("text", pa.string())])


def table(n: int) -> pa.Table:
    return pa.table({"n": range(n), "text": [f"text {i}" for i in range(n)]}, schema=SCHEMA)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "in.parquet"
    pq.write_table(table(1000), path, row_group_size=150)
    return path


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_a_range_is_a_slice(path: Path, first: int, stop: int) -> None:
    found = [n for batch in read_rows(path, ["n"], first, stop) for n in batch["n"].to_pylist()]
    assert found == list(range(first, stop))


def test_the_whole_file_and_only_the_columns_asked_for(path: Path) -> None:
    batches = list(read_rows(path, ["text"]))
    assert pa.Table.from_batches(batches).column_names == ["text"]
    assert sum(batch.num_rows for batch in batches) == 1000


def test_row_groups_beside_the_range_stay_unread(path: Path, monkeypatch) -> None:
    read = []
    real = pq.ParquetFile.iter_batches
    monkeypatch.setattr(
        pq.ParquetFile,
        "iter_batches",
        lambda self, size, row_groups, columns: (
            read.extend(row_groups) or real(self, size, row_groups=row_groups, columns=columns)
        ),
    )
    list(read_rows(path, ["n"], 310, 460))
    assert read == [2, 3]


def test_row_groups_are_bounded_by_rows_and_by_bytes(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sink, "_GROUP_ROWS", 100)
    monkeypatch.setattr(sink, "_GROUP_BYTES", 5000)
    batches = table(400).to_batches(max_chunksize=30)
    long = pa.record_batch([pa.array([0]), pa.array(["x" * 6000])], schema=SCHEMA)
    with DatasetFile(tmp_path / "f.parquet", SCHEMA) as file:
        for batch in [*batches, long, long, batches[0].slice(0, 0)]:
            file.write(batch)
    meta = pq.read_metadata(tmp_path / "f.parquet")
    sizes = [meta.row_group(i).num_rows for i in range(meta.num_row_groups)]
    assert sizes == [120, 120, 120, 41, 1]
    assert file.docs == 402
    assert pq.read_table(tmp_path / "f.parquet").slice(0, 400) == table(400)
    assert file.nbytes == pytest.approx(pq.read_table(tmp_path / "f.parquet").nbytes, rel=0.05)


def test_a_file_without_rows_has_its_columns(tmp_path: Path) -> None:
    with DatasetFile(tmp_path / "f.parquet", SCHEMA) as file:
        pass
    assert (file.docs, file.nbytes) == (0, 0)
    assert pq.read_table(tmp_path / "f.parquet") == table(0)
