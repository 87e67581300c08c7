"""Tables by rank."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.tokenize import ranked_file
from gristmill.tokenize.ranked_file import read_columns, read_ranked, write_ranked

_RANK = st.integers(0, 2**64 - 1) | st.integers(0, 9) | st.integers(2**63 - 3, 2**63 + 3)


@settings(max_examples=60, deadline=None)
@given(st.lists(_RANK, max_size=40), _RANK, _RANK, st.sampled_from([1, 3, 64]))
def test_any_range_is_read_in_order(tmp_path_factory, ranks, low, high, rows) -> None:
    path = tmp_path_factory.mktemp("file") / "a.arrow"
    ranks = sorted(ranks)
    schema = pa.schema([("rank", pa.uint64()), ("name", pa.string())])
    table = pa.table({"rank": ranks, "name": [str(r) for r in ranks]}, schema=schema)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranked_file, "_ROWS", rows)
        write_ranked(path, table)
    low, high = min(low, high), max(low, high)
    found = read_ranked(path, low, high)
    assert found.schema.equals(schema)
    assert found["rank"].to_pylist() == [r for r in ranks if low <= r <= high]
    assert found["name"].to_pylist() == [str(r) for r in ranks if low <= r <= high]
    assert read_ranked(path, 0, 2**64 - 1).equals(table)
    assert read_columns(path, ["name"]).to_pydict() == {"name": table["name"].to_pylist()}


def test_a_small_range_reads_little(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.arrow"
    ranks = [n << 44 for n in range(1 << 16)]
    write_ranked(path, pa.table({"rank": pa.array(ranks, pa.uint64())}))
    read: list[int] = []
    real = pa.Table.from_batches

    class Spy(pa.Table):
        @staticmethod
        def from_batches(batches):
            read.append(sum(batch.num_rows for batch in batches))
            return real(batches)

    monkeypatch.setattr(ranked_file.pa, "Table", Spy)
    assert read_ranked(path, ranks[500], ranks[510]).num_rows == 11
    assert read[0] < 1000
