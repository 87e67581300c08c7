"""From shards to ranges."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.pipeline.dedup.arrays import part_of
from gristmill.pipeline.dedup.earlier import Compared
from gristmill.pipeline.dedup.scatter import Scatter, repeated
from gristmill.pipeline.rounds import Round
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import make_key
from gristmill.pipeline.shard import Draft


@pytest.mark.parametrize("memory", [1 << 30, 96 * 8, 1])
def test_every_record_reaches_its_range(lay, memory: int) -> None:
    shards = [5, 0, 7, 1]
    run = lay([[""]] * len(shards))
    draw = np.random.default_rng(3)
    expected = Counter()
    for task, rows in enumerate(shards):
        draft = Draft(run.folder, "x.hashes", task)
        keys = [make_key(task, row) for row in range(rows)]
        values = draw.integers(0, 1 << 64, (2, rows), dtype=np.uint64)
        columns = {"key": keys, "rank": [9] * rows, "h": values[0], "i": values[1], "more": keys}
        table = pa.table({name: pa.array(c, pa.uint64()) for name, c in columns.items()})
        pq.write_table(table, draft.numbered("hashes.parquet", docs=rows), row_group_size=3)
        draft.facts = {"keys": [keys[0], keys[-1]] if keys else []}
        run.folder.publish(draft)
        expected.update((v, k) for row in values.tolist() for v, k in zip(row, keys, strict=True))
    run.folder.seal("x.hashes", len(shards))
    work = Scatter(Compared("x.hashes", ".hashes.parquet"), ("h", "i"), memory, ("rank", "more"))
    execute(run.folder, [Round("x.ranges", work)], LocalRunner())
    ranges = work.ranges(run.folder)
    assert ranges == {1 << 30: 1, 96 * 8: 4, 1: 26 * 96}[memory]
    assert work.count(run.folder) == {1 << 30: 1, 96 * 8: 3, 1: 3}[memory]
    groups = {1 << 30: [0, 0, 0, 0], 96 * 8: [0, 0, 1, 2], 1: [0, 0, 1, 2]}[memory]
    firsts = np.array([make_key(task, 0) for task in range(4)], np.uint64)
    owners, number_of_groups = work.owners(run.folder, firsts[[3, 0, 2]])
    assert owners.tolist() == [groups[3], groups[0], groups[2]]
    assert number_of_groups == work.count(run.folder)
    paths = run.folder.outputs("x.ranges", ".records.arrow")
    written = sum(pa.ipc.open_file(str(path)).num_record_batches // ranges for path in paths)
    assert written == {1 << 30: 1, 96 * 8: 5, 1: 14}[memory]  # nothing is held beyond memory
    found = Counter()
    for number in range(ranges):
        records = work.read_range(run.folder, "x.ranges", number)
        assert (part_of(records["value"], ranges) == number).all()
        assert (records["rank"] == 9).all()
        assert (records["more"] == records["key"]).all()
        found.update(zip(records["value"].tolist(), records["key"].tolist(), strict=True))
    assert found == expected


@given(st.lists(st.integers(0, (1 << 64) - 1) | st.integers(0, 3) | st.just(1 << 63), max_size=40))
def test_repeated_values_are_all_found(values: list[int]) -> None:
    found = repeated(np.array(values, np.uint64)).tolist()
    assert len(set(found)) == len(found)
    count = Counter(values)
    assert {i for i, value in enumerate(values) if count[value] > 1} <= set(found)
    bits = max(len(values) - 1, 1).bit_length()
    alike = Counter(value >> bits for value in values)
    assert all(alike[values[i] >> bits] > 1 for i in found)
