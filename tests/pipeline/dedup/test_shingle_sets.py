"""The shingles of candidates, from the shards to the partitions."""

import numpy as np
import pyarrow as pa
import pytest

from gristmill.pipeline.dedup.clusters import FOREIGN
from gristmill.pipeline.dedup.earlier import Compared
from gristmill.pipeline.dedup.parts import PartWriter, read_part
from gristmill.pipeline.dedup.shingle_sets import SHINGLE_BYTES, FetchSets, SetPlan, set_table
from gristmill.pipeline.dedup.signature import Family, Shingler, distinct_sets
from gristmill.pipeline.dedup.signing import SignShard
from gristmill.pipeline.dedup.tables import SETS, WANTED
from gristmill.pipeline.rounds import Round
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import make_key
from gristmill.pipeline.shard import Draft

_SHARDS = [["a b c d", "e f g h"], [], ["too short"], ["a b c x", "e f", "g h i j"]]


@pytest.fixture(params=[True, False], ids=["saved", "read again"])
def signed(lay, request):
    """Sign the shards; return the run and what later rounds need."""
    run = lay(_SHARDS)
    work = SignShard(run.view, Shingler(3), Family(2, 2), None, request.param)
    execute(run.folder, [Round("near.signatures", work)], LocalRunner())
    return run


def _plan(memory: int) -> SetPlan:
    return SetPlan(Compared("near.signatures", ".signatures.parquet"), memory)


@pytest.mark.parametrize("memory", [1, 3 * SHINGLE_BYTES, 1 << 30])
def test_sets_reach_the_partitions_that_want_them(signed, memory: int) -> None:
    plan, folder = _plan(memory), signed.folder
    partitions = plan.partitions(folder)
    wanted = [(make_key(0, 1), 0), (make_key(3, 0), partitions - 1), (make_key(3, 2), 0)]
    wanted += [(make_key(3, 2), partitions - 1), (make_key(3, 2), 0)]
    draft = Draft(folder, "near.groups", 0)
    keys, parts = (np.array(column, np.uint64) for column in zip(*wanted, strict=True))
    table = pa.table([pa.array(keys), pa.array(parts.astype(np.uint32))], schema=WANTED)
    owner, owners = plan.owners(folder, keys)
    with PartWriter(draft.numbered("wanted.arrow"), WANTED, owners) as out:
        out.scatter(table, owner)
    folder.publish(draft)
    folder.seal("near.groups", 1)
    saved = Compared("near.signatures", ".shingles.parquet")
    work = FetchSets(plan, "near.groups", signed.view, Shingler(3), saved)
    execute(folder, [Round("near.sets", work)], LocalRunner())
    paths = folder.outputs("near.sets", ".sets.arrow")
    found = {
        (row["key"], part): row["shingles"]
        for part in range(partitions)
        for row in read_part(paths, part, SETS).to_pylist()
    }
    assert found == {
        (key, part): distinct_sets(*Shingler(3)([signed.text(key)]))[0].tolist()
        for key, part in wanted
    }
    assert {
        n for part in range(partitions) for n in read_part(paths, part, SETS)["size"].to_pylist()
    } == {2}


def test_every_document_has_one_owner(signed) -> None:
    plan = _plan(SHINGLE_BYTES * 4)
    assert plan.groups(signed.folder) == [range(3), range(3, 4)]
    keys = [make_key(0, 0), make_key(0, 1), make_key(3, 0), make_key(3, 2)]
    owners, count = plan.owners(signed.folder, np.array(keys, np.uint64))
    assert (owners.tolist(), count) == ([0, 0, 1, 1], 2)


def test_partitions_are_as_many_as_memory_asks_for(signed) -> None:
    assert [_plan(n * SHINGLE_BYTES).partitions(signed.folder) for n in (1, 3, 8, 99)] == [
        128,
        43,
        16,
        2,
    ]


def test_a_table_of_sets() -> None:
    keys = pa.chunked_array([pa.array([1, FOREIGN], pa.uint64())])
    table = set_table(keys, [np.array([3, 4], np.uint32), np.zeros(0, np.uint32)])
    assert table.schema == SETS
    assert table.to_pylist() == [
        {"key": 1, "size": 2, "shingles": [3, 4]},
        {"key": FOREIGN, "size": 0, "shingles": []},
    ]
    assert set_table(keys.slice(0, 0), []).num_rows == 0
