"""Groups of documents that agree in one band."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.pipeline.dedup import scatter as scatter_module
from gristmill.pipeline.dedup.bands import BandGroups
from gristmill.pipeline.dedup.earlier import Compared
from gristmill.pipeline.dedup.parts import read_part
from gristmill.pipeline.dedup.scatter import Scatter
from gristmill.pipeline.dedup.shingle_sets import SetPlan
from gristmill.pipeline.dedup.tables import EDGES, GROUPS, WANTED
from gristmill.pipeline.rounds import Round
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import make_key
from gristmill.pipeline.shard import Draft

_TOP = (1 << 64) - 1
Rows = Sequence[tuple[int, tuple[int, ...]]]


@pytest.fixture
def grouped(lay):
    """Publish made-up band keys, rows of (rank, band keys) for each shard, and group them."""

    def make(shards: Sequence[Rows], memory: int = 1 << 30, compare: bool = True):
        run = lay([[""]] * len(shards))
        bands = max([1, *(len(keys) for rows in shards for _, keys in rows)])
        columns = tuple(f"band_{band:03d}" for band in range(bands))
        for task, rows in enumerate(shards):
            draft = Draft(run.folder, "near.signatures", task)
            keys = [make_key(task, i) for i in range(len(rows))]
            values = {"key": keys, "rank": [rank for rank, _ in rows]}
            values |= {name: [keys[i] for _, keys in rows] for i, name in enumerate(columns)}
            table = pa.table({name: pa.array(v, pa.uint64()) for name, v in values.items()})
            pq.write_table(table, draft.numbered("signatures.parquet", docs=len(rows)))
            draft.facts = {"keys": [keys[0], keys[-1]] if keys else [], "shingles": len(rows)}
            run.folder.publish(draft)
        run.folder.seal("near.signatures", len(shards))
        signed = Compared("near.signatures", ".signatures.parquet")
        scatter, plan = Scatter(signed, columns, memory), SetPlan(signed, memory)
        work = BandGroups(scatter, "near.bands", plan if compare else None)
        rounds = [Round("near.bands", scatter), Round("near.groups", work)]
        execute(run.folder, rounds, LocalRunner())
        return run.folder, plan

    return make


def _groups(folder, parts: int = 1) -> list[list[tuple[int, int]]]:
    """Members (key, rank) of each group in the order of the files, groups sorted."""
    paths = folder.outputs("near.groups", ".groups.arrow")
    found = []
    for part in range(parts):
        last = None
        for row in read_part(paths, part, GROUPS).to_pylist():
            member = (row["key"], row["rank"])
            if row["group"] != last or member in found[-1]:
                found.append([])
            found[-1].append(member)
            last = row["group"]
    return sorted(found)


def test_groups_of_two_or_more_across_shards_best_first(grouped) -> None:
    folder, _ = grouped(
        [[(30, (5, 0)), (20, (6, 1))], [(20, (5, 2))], [(10, (5, _TOP)), (9, (7, _TOP))]]
    )
    assert _groups(folder) == [
        [(make_key(2, 0), 10), (make_key(1, 0), 20), (make_key(0, 0), 30)],
        [(make_key(2, 1), 9), (make_key(2, 0), 10)],
    ]
    (manifest,) = folder.manifests("near.groups")
    assert manifest.figures == {"candidate_groups": 2}
    assert manifest.facts == {"largest": 3}


@pytest.mark.parametrize("shards", [[[]], [[], []], [[(1, (3,))]], [[(1, (3,))], [(1, (4,))]]])
@pytest.mark.parametrize("compare", [True, False])
def test_no_groups(grouped, shards, compare) -> None:
    folder, _ = grouped(shards, compare=compare)
    assert folder.manifests("near.groups")[0].figures == {"candidate_groups": 0}
    assert not compare or _groups(folder) == []


def test_all_in_one_group(grouped) -> None:
    folder, _ = grouped([[(1, (9,))] * 50, [(1, (9,))] * 50])
    (group,) = _groups(folder)
    assert len(group) == 100
    assert group == sorted(group)


def test_ranges_find_what_one_range_finds(grouped, monkeypatch) -> None:
    """Also at the ends of the ranges: 0, the cuts themselves, and 2⁶⁴ − 1."""
    edges = [0, *(((p << 64) // 4) + d for p in (1, 2, 3) for d in (-1, 0)), _TOP]
    shard = [(1, (value,)) for value in edges]
    whole = _groups(grouped([shard, shard])[0])
    monkeypatch.setattr(scatter_module, "_RECORD_BYTES", 1 << 20)
    folder, plan = grouped([shard, shard], memory=4 << 20)
    assert plan.partitions(folder) == 1
    assert [m.figures["candidate_groups"] for m in folder.manifests("near.groups")] == [2, 2, 2, 2]
    assert _groups(folder) == whole


def test_the_same_group_of_several_bands_meets_in_one_partition(grouped) -> None:
    keys = tuple(range(1, 9))
    folder, plan = grouped(
        [[(1, keys), (2, keys)], [(3, keys), (1, tuple(range(20, 28)))]], memory=2048
    )
    partitions = plan.partitions(folder)
    assert partitions == 2
    paths = folder.outputs("near.groups", ".groups.arrow")
    filled = [read_part(paths, part, GROUPS) for part in range(partitions)]
    (table,) = [table for table in filled if table.num_rows]
    assert table.num_rows == 8 * 3
    assert len(set(table["group"].to_pylist())) == 1


def test_every_shard_is_told_who_is_wanted_where(grouped) -> None:
    shards = [[(1, (5,)), (2, (6,))], [], [(3, (5,)), (1, (7,))], [(1, (7,))]]
    folder, plan = grouped(shards, memory=2048)
    assert plan.groups(folder) == [range(2), range(2, 3), range(3, 4)]
    paths = folder.outputs("near.groups", ".wanted.arrow")
    wanted = [read_part(paths, task, WANTED)["key"].to_pylist() for task in range(3)]
    assert wanted == [[make_key(0, 0)], [make_key(2, 0), make_key(2, 1)], [make_key(3, 0)]]


def test_without_comparison_a_group_is_a_star(grouped) -> None:
    folder, _ = grouped([[(3, (5,)), (2, (5,))], [(1, (5,)), (1, (8,))]], compare=False)
    (path,) = folder.outputs("near.groups", ".edges.parquet")
    table = pq.read_table(path)
    assert table.schema == EDGES
    best = (make_key(1, 0), 1)
    assert sorted(tuple(row.values()) for row in table.to_pylist()) == [
        (*best, make_key(0, 0), 3),
        (*best, make_key(0, 1), 2),
    ]


def test_groups_of_other_members_are_other_groups(grouped) -> None:
    """0 + 3 = 1 + 2: the identity of a group is not the sum of its keys."""
    folder, _ = grouped([[(1, (5,)), (1, (6,)), (1, (6,)), (1, (5,))]])
    assert [[key for key, _ in group] for group in _groups(folder)] == [[0, 3], [1, 2]]


@pytest.mark.parametrize("compare", [True, False])
def test_groups_of_earlier_runs_alone_are_none(grouped, compare) -> None:
    shards = [[(4, (5, 1)), (4, (6, 3))], [(0, (5, 2)), (0, (7, 9)), (0, (7, 9))]]
    folder, _ = grouped(shards, compare=compare)
    assert folder.manifests("near.groups")[0].figures == {"candidate_groups": 1}
