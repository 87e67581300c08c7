"""Exact duplicates across shards."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.pipeline.compile import compile_rounds
from gristmill.pipeline.dedup import exact
from gristmill.pipeline.dedup.exact import ExactDedup, text_hash
from gristmill.pipeline.rounds import CLUSTERS, DropList
from gristmill.pipeline.schema import DOCUMENT, documents, make_key


def test_hash_collapses_white_space_only() -> None:
    assert text_hash("a b") == text_hash("  a\n\t b\u00a0")
    assert text_hash("a b") != text_hash("ab")
    assert text_hash("a b") != text_hash("A b")
    assert all(0 <= half < 1 << 64 for half in text_hash("a b"))


def test_hash_takes_any_python_string() -> None:
    assert text_hash("a\ud800b") != text_hash("ab")
    assert text_hash("\0") != text_hash("")


def test_longest_survives_across_shards(lay) -> None:
    run = lay([["one two", "other"], ["one  two", "one two"], ["one\n\n two  "]])
    drop = run.execute(ExactDedup(), "exact_dedup")
    assert run.survivors(drop) == ["one\n\n two  ", "other"]
    assert {row["survivor"] for row in run.clusters(drop)} == {make_key(2, 0)}
    assert {row["cluster_size"] for row in run.clusters(drop)} == {4}


def test_smallest_key_survives_among_equals(lay) -> None:
    run = lay([["x"], ["same"], ["same", "same"]])
    drop = run.execute(ExactDedup(), "exact_dedup")
    assert [row["key"] for row in run.clusters(drop)] == sorted(
        [make_key(1, 0), make_key(2, 0), make_key(2, 1)]
    )
    assert {row["survivor"] for row in run.clusters(drop)} == {make_key(1, 0)}


@pytest.mark.parametrize("shards", [[[]], [[], []], [["alone"]], [["a"], [], ["b", "c"]]])
def test_nothing_to_drop(lay, shards) -> None:
    run = lay(shards)
    drop = run.execute(ExactDedup(), "exact_dedup")
    assert run.clusters(drop) == []
    assert run.survivors(drop) == sorted(text for shard in shards for text in shard)


def test_all_identical(lay) -> None:
    run = lay([["again"] * 40] * 3)
    drop = run.execute(ExactDedup(), "exact_dedup")
    assert run.survivors(drop) == ["again"]


def test_empty_texts_are_duplicates_of_each_other(lay) -> None:
    run = lay([["", "a"], ["  ", ""]])
    assert run.survivors(run.execute(ExactDedup(), "exact_dedup")) == ["  ", "a"]


_TEXTS = ["a b", "a  b", "a b ", "c", " c", "d", ""]


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    docs=st.lists(st.tuples(st.sampled_from(_TEXTS), st.integers(0, 2)), max_size=12),
    data=st.data(),
)
def test_survivors_do_not_depend_on_the_order_or_the_shards(lay, docs, data) -> None:
    moved = data.draw(st.permutations(docs))
    places = data.draw(st.lists(st.integers(0, 2), min_size=len(docs), max_size=len(docs)))
    results = []
    for arranged in (docs, [(t, p) for (t, _), p in zip(moved, places, strict=True)]):
        run = lay([[t for t, p in arranged if p == k] for k in range(3)])
        results.append(run.survivors(run.execute(ExactDedup(), "exact_dedup")))
    assert sorted(map(text_hash, results[0])) == sorted({text_hash(t) for t, _ in docs})
    assert [len(t) for t in results[0]] == [len(t) for t in results[1]]
    assert [t.split() for t in results[0]] == [t.split() for t in results[1]]


def test_ranges_of_hashes_find_what_one_range_finds(lay, monkeypatch) -> None:
    shards = [[f"text {i % 7}" for i in range(k, 30)] for k in range(3)]
    whole, cut = lay(shards), lay(shards)
    expected = whole.clusters(whole.execute(ExactDedup(), "exact_dedup"))
    monkeypatch.setattr(exact, "_RANGE_DOCS", 10)
    drop = cut.execute(ExactDedup(), "exact_dedup")
    assert len(cut.folder.manifests("exact_dedup.clusters")) == 9
    assert sorted(cut.clusters(drop), key=lambda r: r["key"]) == expected


def test_drop_list_rows_of_one_shard(lay) -> None:
    run = lay([["dup", "a"], ["b", "dup"], ["c"]])
    drop = run.execute(ExactDedup(), "exact_dedup")
    assert drop == DropList("exact_dedup", "exact_dedup.clusters", "exact_duplicate")
    first, second, third = (run.view.key_range(run.folder, task) for task in range(3))
    assert drop.rows(run.folder, first)["key"].to_pylist() == [make_key(0, 0)]
    assert drop.rows(run.folder, second).to_pylist() == [
        {"key": make_key(1, 1), "survivor": make_key(0, 0), "cluster_size": 2}
    ]
    assert drop.rows(run.folder, third).schema == CLUSTERS
    assert drop.rows(run.folder, third).num_rows == 0


def test_mark_joins_clusters_and_gives_reasons() -> None:
    drop = DropList("exact_dedup", "exact_dedup.clusters", "exact_duplicate")
    rows = pa.table({"key": [0, 2], "survivor": [0, 0], "cluster_size": [2, 2]}, schema=CLUSTERS)
    batch, reasons = drop.mark(documents(["a", "b", "a"]), rows)
    assert reasons.to_pylist() == [None, None, "exact_duplicate"]
    assert batch.column("exact_dedup.survivor").to_pylist() == [0, None, 0]
    assert batch.column("exact_dedup.cluster_size").to_pylist() == [2, None, 2]
    batch, reasons = drop.mark(documents(["a"]), CLUSTERS.empty_table())
    assert reasons.to_pylist() == [None]
    assert {n: batch.schema.field(n).type for n in drop.columns()} == drop.columns()


def test_stage_needs_text_and_compiles_to_two_rounds() -> None:
    rounds = compile_rounds([("exact_dedup", ExactDedup())], [], DOCUMENT)
    assert [r.name for r in rounds] == [
        "curate",
        "exact_dedup.hashes",
        "exact_dedup.clusters",
        "documents",
    ]


def test_hashes_are_written_sorted(lay) -> None:
    import pyarrow.parquet as pq

    run = lay([[f"text {i}" for i in range(50)]])
    run.execute(ExactDedup(), "exact_dedup")
    table = pq.read_table(run.folder.outputs("exact_dedup.hashes", ".parquet")[0])
    high = table["high"].to_numpy()
    assert np.all(high[1:] >= high[:-1])
    assert table.num_rows == 50
