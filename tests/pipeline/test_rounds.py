"""What a barrier decided, applied by key: in views, in segments, and never by halves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.errors import ShardError
from gristmill.pipeline.rounds import CLUSTERS, DropList, Gather, Round, Tick, View
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import make_key
from gristmill.pipeline.shard import Draft, RunFolder

Row = tuple[int, int, int]
Make = Callable[..., Any]


@dataclass(frozen=True)
class Decree:
    """Publishes the given cluster rows, one file for each group."""

    files: tuple[tuple[Row, ...], ...]

    def count(self, folder: RunFolder) -> int:
        return len(self.files)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        columns: Sequence[Any] = list(zip(*self.files[draft.task], strict=True)) or [[], [], []]
        arrays = [pa.array(c, f.type) for c, f in zip(columns, CLUSTERS, strict=True)]
        pq.write_table(pa.table(arrays, schema=CLUSTERS), draft.numbered("clusters.parquet"))


class Decide(Gather):
    """Drops what it is told to."""

    files: tuple[tuple[Row, ...], ...]

    def rounds(self, name: str, view: View) -> tuple[Round, ...]:
        return (Round(f"{name}.clusters", Decree(self.files)),)

    def outcome(self, name: str) -> DropList:
        return DropList(name, f"{name}.clusters", "told_so")


A0, A1, B0, B2 = make_key(0, 0), make_key(0, 1), make_key(1, 0), make_key(1, 2)
#: B0 and A1 are copies of A0; B2 is alone with a copy that is not there.
ROWS: tuple[Row, ...] = ((A0, A0, 3), (B0, A0, 3), (A1, A0, 3))


@pytest.fixture
def two_shards(write_docs: Callable[..., list[Path]]) -> list[Path]:
    return write_docs(["a0", "a1", "a2"], ["b0", "b1", "b2"])


def texts(folder: RunFolder, round_name: str = "documents") -> list[list[str]]:
    tasks = range(len(folder.manifests(round_name)))
    paths = (folder.file(round_name, task, "kept.parquet") for task in tasks)
    return [pq.read_table(path)["text"].to_pylist() for path in paths]


def test_a_shard_sees_the_rows_of_its_own_keys_sorted(two_shards: Any, make_run: Make) -> None:
    stage = Decide(files=(ROWS[1:], (), ROWS[:1]))
    folder, rounds = make_run(two_shards, [("decide", stage)])
    execute(folder, rounds, LocalRunner())
    drop = stage.outcome("decide")
    first, second = (View("curate").key_range(folder, task) for task in (0, 1))
    assert (first, second) == ((A0, make_key(0, 2)), (B0, B2))
    assert drop.rows(folder, first)["key"].to_pylist() == [A0, A1]
    assert drop.rows(folder, second).to_pylist() == [{"key": B0, "survivor": A0, "cluster_size": 3}]
    assert drop.rows(folder, second).schema == CLUSTERS
    assert drop.rows(folder, None).num_rows == 0


def test_a_barrier_without_files_drops_nothing(two_shards: Any, make_run: Make) -> None:
    folder, rounds = make_run(two_shards, [("decide", Decide(files=()))])
    execute(folder, rounds, LocalRunner())
    assert texts(folder) == [["a0", "a1", "a2"], ["b0", "b1", "b2"]]


def test_mark_joins_by_key_not_by_position() -> None:
    drop = DropList("d", "d.clusters", "told_so")
    columns = list(zip(*sorted(ROWS), strict=True))
    rows = pa.table(
        [pa.array(c, f.type) for c, f in zip(columns, CLUSTERS, strict=True)], schema=CLUSTERS
    )
    keys = pa.array([B2, A1, B0, A0], pa.uint64())
    batch, reasons = drop.mark(pa.RecordBatch.from_arrays([keys], names=["key"]), rows)
    assert reasons.to_pylist() == [None, "told_so", "told_so", None]
    assert batch.column("d.survivor").to_pylist() == [None, A0, A0, A0]
    assert batch.column("d.cluster_size").to_pylist() == [None, 3, 3, 3]
    assert {name: batch.schema.field(name).type for name in drop.columns()} == drop.columns()


@pytest.mark.parametrize("keys", [[], [A0, B2]])
def test_mark_with_nothing_listed(keys: list[int]) -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(keys, pa.uint64())], names=["key"])
    marked, reasons = DropList("d", "d.clusters", "x").mark(batch, CLUSTERS.empty_table())
    assert reasons.null_count == marked.num_rows == len(keys)


def test_the_drop_list_is_applied_once_and_counted(two_shards: Any, make_run: Make) -> None:
    folder, rounds = make_run(two_shards, [("decide", Decide(files=(ROWS,)))])
    execute(folder, rounds, LocalRunner())
    assert texts(folder) == [["a0", "a2"], ["b1", "b2"]]
    drops = [manifest.stages[0].drops for manifest in folder.manifests("documents")]
    assert drops == [{"told_so": 1}, {"told_so": 1}]
    rejected = pq.read_table(folder.file("documents", 1, "rejected.parquet"))
    assert rejected.select(["stage", "reason", "text", "decide.survivor"]).to_pylist() == [
        {"stage": "decide", "reason": "told_so", "text": "b0", "decide.survivor": A0}
    ]


def test_a_view_leaves_out_what_is_listed(two_shards: Any, make_run: Make) -> None:
    first, second = Decide(files=(ROWS,)), Decide(files=(((B2, make_key(1, 1), 2),),))
    folder, rounds = make_run(two_shards, [("first", first), ("second", second)])
    execute(folder, rounds, LocalRunner())
    lists = (first.outcome("first"), second.outcome("second"))

    def seen(*drops: DropList) -> list[list[str]]:
        view = View("curate", drops)
        found = [view.batches(folder, task, ["text"], rows=1) for task in range(2)]
        return [[t for b in batches for t in b.column("text").to_pylist()] for batches in found]

    assert seen() == [["a0", "a1", "a2"], ["b0", "b1", "b2"]]
    assert seen(lists[0]) == [["a0", "a2"], ["b1", "b2"]]
    assert seen(*lists) == texts(folder) == [["a0", "a2"], ["b1"]]
    assert View("curate", lists).docs_in(folder, 1) == 3


def test_a_view_of_what_was_never_published(two_shards: Any, make_run: Make) -> None:
    folder, _ = make_run(two_shards, [])
    with pytest.raises(ShardError, match="no kept documents published; run again"):
        View("documents").docs_in(folder, 0)


def test_a_listed_document_that_is_not_there_stops_its_shard(
    write_docs: Callable[..., list[Path]], make_run: Make
) -> None:
    ghost = (make_key(1, 1), A0, 2)  # a row that the reader dropped
    paths = write_docs(["a0", "a1"], ["b0", {"id": 1}, "b2"])
    folder, rounds = make_run(paths, [("decide", Decide(files=((*ROWS, ghost),)))])
    with pytest.raises(ShardError, match="decide lists 2 documents to drop, 1 were found"):
        execute(folder, rounds, LocalRunner())
    assert folder.manifest("documents", 0) is not None
    assert folder.manifest("documents", 1) is None


def test_rounds_know_their_stage() -> None:
    work = Decree(())
    assert Round("minhash_dedup.bands", work).stage == "minhash_dedup"
    assert Round("documents", work).stage == "documents"
