"""Groups of documents that agree in one band."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.pipeline.dedup import bands
from gristmill.pipeline.dedup.bands import GROUPS, BandGroups
from gristmill.pipeline.rounds import Round
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import make_key
from gristmill.pipeline.shard import Draft

_TOP = (1 << 64) - 1


@pytest.fixture
def signed(lay):
    """Publish made-up band keys: rows of (length, band keys) for each shard."""

    def make(shards: Sequence[Sequence[tuple[int, tuple[int, ...]]]], n_bands: int):
        run = lay([[""]] * len(shards))
        for task, rows in enumerate(shards):
            draft = Draft(run.folder, "near.signatures", task)
            columns = {
                "key": pa.array([make_key(task, i) for i in range(len(rows))], pa.uint64()),
                "length": pa.array([length for length, _ in rows], pa.int64()),
            }
            for band in range(n_bands):
                values = pa.array([keys[band] for _, keys in rows], pa.uint64())
                columns[f"band_{band:03d}"] = values
            path = draft.numbered("signatures.parquet", docs=len(rows))
            pq.write_table(pa.table(columns), path)
            run.folder.publish(draft)
        run.folder.seal("near.signatures", len(shards))
        work = BandGroups("near.signatures", n_bands)
        execute(run.folder, [Round("near.groups", work)], LocalRunner())
        return run.folder

    return make


def _groups(path) -> list[list[tuple[int, int]]]:
    """Members (key, length) of each group of a file, in the order of the file."""
    table = pq.read_table(path)
    assert table.schema.equals(GROUPS)
    found: dict[int, list[tuple[int, int]]] = {}
    for row in table.to_pylist():
        found.setdefault(row["group"], []).append((row["key"], row["length"]))
    assert list(found) == list(range(len(found)))
    return list(found.values())


def test_one_file_a_band_with_groups_of_two_or_more_across_shards(signed) -> None:
    folder = signed(
        [[(10, (5, 0)), (20, (6, 1))], [(30, (5, 2))], [(40, (5, _TOP)), (50, (7, _TOP))]], 2
    )
    first, second = folder.outputs("near.groups", ".groups.parquet")
    # The longest first: it is the one that would survive.
    assert _groups(first) == [[(make_key(2, 0), 40), (make_key(1, 0), 30), (make_key(0, 0), 10)]]
    assert _groups(second) == [[(make_key(2, 1), 50), (make_key(2, 0), 40)]]
    assert [m.facts["groups"] for m in folder.manifests("near.groups")] == [1, 1]
    assert [m.outputs[0].docs for m in folder.manifests("near.groups")] == [3, 2]


@pytest.mark.parametrize("shards", [[[]], [[], []], [[(1, (3,))]], [[(1, (3,))], [(1, (4,))]]])
def test_no_groups(signed, shards) -> None:
    folder = signed(shards, 1)
    assert [_groups(p) for p in folder.outputs("near.groups", ".parquet")] == [[]]


def test_all_in_one_group(signed) -> None:
    folder = signed([[(1, (9,))] * 50, [(1, (9,))] * 50], 1)
    (group,) = _groups(folder.outputs("near.groups", ".parquet")[0])
    assert len(group) == 100
    assert group == sorted(group)


def test_ranges_find_what_one_range_finds(signed, monkeypatch) -> None:
    """Also at the ends of the ranges: 0, the cuts themselves, and 2⁶⁴ − 1."""
    edges = [0, *(((p << 64) // 4) + d for p in (1, 2, 3) for d in (-1, 0)), _TOP]
    shard = [(1, (value,)) for value in edges]
    (whole,) = [_groups(p) for p in signed([shard, shard], 1).outputs("near.groups", ".parquet")]
    monkeypatch.setattr(bands, "_RANGE_DOCS", 4)
    folder = signed([shard, shard], 1)
    parts = [_groups(p) for p in folder.outputs("near.groups", ".parquet")]
    assert [len(part) for part in parts] == [2, 2, 2, 2]
    assert [group for part in parts for group in part] == whole
