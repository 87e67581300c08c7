"""Exact duplicates across shards."""

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gristmill
from gristmill.errors import ConfigError
from gristmill.pipeline.compile import compile_rounds
from gristmill.pipeline.dedup import exact, scatter
from gristmill.pipeline.dedup.exact import ExactDedup, UrlDedup, text_hash, url_hash
from gristmill.pipeline.rounds import CLUSTERS, DropList
from gristmill.pipeline.schema import DOCUMENT, documents, make_key
from gristmill.pipeline.stage import with_columns


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
    monkeypatch.setattr(scatter, "_RECORD_BYTES", 96_000)
    drop = cut.execute(ExactDedup(memory=10**6), "exact_dedup")
    assert len(cut.folder.manifests("exact_dedup.clusters")) == 9
    assert len(cut.folder.manifests("exact_dedup.ranges")) == 3
    assert sorted(cut.clusters(drop), key=lambda r: r["key"]) == expected


def test_half_a_hash_is_not_enough(lay, monkeypatch) -> None:
    """Equal documents are those whose 128 bits agree, not the 64 that they are sorted by."""
    monkeypatch.setattr(exact, "text_hash", lambda text: (7, len(text)))
    run = lay([["a", "bb"], ["c", "ddd"]])
    assert run.survivors(run.execute(ExactDedup(), "exact_dedup")) == ["a", "bb", "ddd"]


def test_the_best_score_survives() -> None:
    batch = documents(["same  text", "same text", "same text"])
    batch = with_columns(batch, {"score": pa.array([0.5, None, 0.9])})
    kept, rejected = gristmill.apply(ExactDedup(prefer="score"), batch)
    assert kept["score"].to_pylist() == [0.9]
    assert rejected["score"].to_pylist() == [0.5, None]
    with pytest.raises(ConfigError, match="needs column scores"):
        gristmill.apply(ExactDedup(prefer="scores"), batch)
    with pytest.raises(ConfigError, match="column id holds string, no numbers"):
        gristmill.apply(ExactDedup(prefer="id"), batch)


def test_one_page_of_each_url_survives() -> None:
    urls = ["http://www.mill.example/a?utm_source=x", "https://mill.example/a/", None, None, ""]
    kept, rejected = gristmill.apply(UrlDedup(), documents(["long text", "x", "y", "y", "z"], urls))
    assert kept["text"].to_pylist() == ["long text", "y", "y", "z"]
    assert rejected["reason"].to_pylist() == ["url_duplicate"]
    assert rejected["url_dedup.cluster_size"].to_pylist() == [2]


def test_url_hash_takes_any_python_string() -> None:
    assert url_hash("no url \ud800") is not None
    assert url_hash("  ") is None
    assert url_hash("HTTP://A.example:80/") == url_hash("https://a.example")


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


def test_stage_needs_text_and_compiles_to_three_rounds() -> None:
    rounds = compile_rounds([("exact_dedup", ExactDedup())], [], DOCUMENT)
    assert [r.name for r in rounds] == [
        "curate",
        "exact_dedup.hashes",
        "exact_dedup.ranges",
        "exact_dedup.clusters",
        "documents",
    ]
