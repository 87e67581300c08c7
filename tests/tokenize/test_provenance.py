"""From a token back to its document."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.errors import ConfigError, CorruptError
from gristmill.pipeline.schema import documents
from gristmill.tokenize.provenance import PROVENANCE, provenance_rows, where


@pytest.fixture
def shard(tmp_path):
    """Three documents of 3, 1 and 4 tokens."""
    batch = documents(["a", "b", "c"], ["u0", None, "u2"])
    sizes = np.array([3, 1, 4])
    rows = provenance_rows(batch, np.cumsum(sizes) - sizes, sizes)
    pq.write_table(pa.table(rows, schema=PROVENANCE), tmp_path / "train_000000.index.parquet")
    (tmp_path / "train_000000.bin").write_bytes(bytes(2 * 8))
    return tmp_path / "train_000000.bin"


def test_rows_take_what_there_is_and_leave_the_rest_null() -> None:
    rows = provenance_rows(documents(["a"], ["u"]), np.array([7]), np.array([2]))
    assert list(rows) == PROVENANCE.names
    table = pa.table(rows, schema=PROVENANCE).to_pylist()
    assert table == [
        {
            "key": 0, "id": "0", "url": "u", "warc": None, "offset": None, "length": None,
            "language": None, "first": 7, "tokens": 2,
        }
    ]  # fmt: skip


def test_every_token_leads_to_its_document(shard) -> None:
    assert [where(shard, t)["key"] for t in range(8)] == [0, 0, 0, 1, 2, 2, 2, 2]
    assert where(shard, 3) == {
        "key": 1, "id": "1", "url": None, "warc": None, "offset": None, "length": None,
        "language": None, "first": 3, "tokens": 1,
    }  # fmt: skip


@pytest.mark.parametrize("token", [-1, 8, 10**12])
def test_positions_outside_the_file(shard, token: int) -> None:
    with pytest.raises(ConfigError, match=f"no token {token}; the file holds 8 tokens"):
        where(shard, token)


def test_empty_file(tmp_path) -> None:
    pq.write_table(PROVENANCE.empty_table(), tmp_path / "val_000000.index.parquet")
    (tmp_path / "val_000000.bin").touch()
    with pytest.raises(ConfigError, match="the file holds 0 tokens"):
        where(tmp_path / "val_000000.bin", 0)


def test_missing_files(shard) -> None:
    index = shard.with_suffix(".index.parquet")
    index.rename(index.with_name("away"))
    with pytest.raises(ConfigError, match=r"train_000000\.index\.parquet: no such file"):
        where(shard, 0)
    shard.unlink()
    with pytest.raises(ConfigError, match=r"train_000000\.bin: no such file"):
        where(shard, 0)


def test_a_pipe_is_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "x.bin")
    with pytest.raises(ConfigError, match=r"x\.bin: no such file"):
        where(tmp_path / "x.bin", 0)


@pytest.mark.parametrize("size", [2 * 8, 4 * 8, 1024 + 2 * 8, 1024 + 4 * 8])
def test_the_size_of_the_token_file_is_that_of_the_index(shard, size: int) -> None:
    shard.write_bytes(bytes(size))
    assert where(shard, 7)["key"] == 2
    shard.write_bytes(bytes(size - 2))
    with pytest.raises(CorruptError, match="index of another file, or one of them was cut"):
        where(shard, 7)


@pytest.mark.parametrize(
    ("first", "tokens"),
    [
        ([0, 4, 3], [3, 1, 5]),
        ([0, None, 4], [3, 1, 4]),
        ([0, 3, 4], [3, None, 4]),
        ([0, 3, 4], [3, 1, None]),
        ([None, None, None], [None, None, None]),
        ([1, 3, 4], [2, 1, 4]),
        ([0, 3, 5], [3, 1, 3]),
    ],
)
def test_an_index_out_of_order_is_not_believed(shard, first, tokens) -> None:
    index = shard.with_suffix(".index.parquet")
    table = pq.read_table(index)
    for name, values in (("first", first), ("tokens", tokens)):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, PROVENANCE.field(name), pa.array(values, pa.int64()))
    pq.write_table(table, index)
    for token in (0, 3, 7):
        with pytest.raises(CorruptError, match="not a provenance index"):
            where(shard, token)


def test_places_of_another_type_are_told(shard) -> None:
    index = shard.with_suffix(".index.parquet")
    table = pq.read_table(index)
    at = table.schema.get_field_index("first")
    pq.write_table(table.set_column(at, "first", table["first"].cast(pa.string())), index)
    with pytest.raises(CorruptError, match="column first is string, not int64"):
        where(shard, 0)


def test_damaged_index(tmp_path) -> None:
    (tmp_path / "x.index.parquet").write_bytes(b"PAR1 no")
    for name in ("x.bin", "y.bin"):
        (tmp_path / name).touch()
    with pytest.raises(CorruptError, match=r"x\.index\.parquet: not a provenance index"):
        where(tmp_path / "x.bin", 0)
    pq.write_table(pa.table({"first": [0]}), tmp_path / "y.index.parquet")
    with pytest.raises(CorruptError, match="not a provenance index"):
        where(tmp_path / "y.bin", 0)


def test_columns_of_the_same_name_that_mean_something_else_are_left_out() -> None:
    batch = pa.RecordBatch.from_pydict(
        {
            "key": pa.array([7], pa.uint64()),
            "url": pa.array(["https://a.example/"]),
            "offset": pa.array([12], pa.int64()),  # no WARC beside it: an offset in what?
            "length": pa.array([2.5]),
            "language": pa.array([["en"]]),
        }
    )
    rows = provenance_rows(batch, np.array([0]), np.array([3]))
    assert {name: rows[name].to_pylist() for name in ("url", "offset", "length", "language")} == {
        "url": ["https://a.example/"],
        "offset": [None],
        "length": [None],
        "language": [None],
    }
