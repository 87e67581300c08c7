"""From edges to clusters."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.pipeline.dedup.clusters import FOREIGN
from gristmill.pipeline.dedup.components import Components
from gristmill.pipeline.dedup.tables import EDGES
from gristmill.pipeline.rounds import DropList, Round
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import split_key
from gristmill.pipeline.shard import Draft


@pytest.fixture
def joined(lay):
    """Publish edges between keys (both directions allowed); return key → (survivor, size), figures.

    Documents are keys of four shards of 300; ``ranks`` are 5 unless told otherwise.
    """

    def make(
        tables: Sequence[Sequence[tuple[int, int]]],
        ranks: Mapping[int, int] | None = None,
        verified: bool = True,
        memory: int = 1 << 30,
    ):
        run = lay([["x"] * 300] * 4)
        rank = {
            n: (ranks or {}).get(n, 0 if n >= FOREIGN else 5) for t in tables for e in t for n in e
        }
        for task, edges in enumerate(tables):
            ordered = [sorted(edge, key=lambda n: (rank[n], n)) for edge in edges]
            columns = [[a for a, _ in ordered], [rank[a] for a, _ in ordered]]
            columns += [[b for _, b in ordered], [rank[b] for _, b in ordered]]
            draft = Draft(run.folder, "near.edges", task)
            arrays = [pa.array(column, pa.uint64()) for column in columns]
            path = draft.numbered("edges.parquet", docs=len(edges))
            pq.write_table(pa.table(arrays, schema=EDGES), path)
            run.folder.publish(draft)
        run.folder.seal("near.edges", len(tables))
        work = Components(("near.edges",), verified, run.view, memory)
        execute(run.folder, [Round("near.clusters", work)], LocalRunner())
        drop = DropList("near", "near.clusters", "near_duplicate")
        rows = run.clusters(drop)
        assert [row["key"] for row in rows] == sorted(row["key"] for row in rows)
        return {r["key"]: (r["survivor"], r["cluster_size"]) for r in rows}, run.figures(
            "near.clusters"
        )[0]

    return make


def test_a_chain_drops_nobody_for_a_stranger(joined) -> None:
    """1 ~ 2 ~ 3 ~ 4: 3 was never confirmed to be like 1, so it stays, and takes 4."""
    found, figures = joined([[(1, 2), (3, 4)], [(2, 3)]])
    assert found == dict.fromkeys((1, 2), (1, 2)) | dict.fromkeys((3, 4), (3, 2))
    assert figures == {"edges": 3, "clusters": 2}


def test_the_best_rank_survives_then_the_smallest_key(joined) -> None:
    high = (3 << 40) + 1
    ranks = {1: 5, 2: 1, 3: 1, 7: 9, 8: 9, high: 9}
    found, _ = joined([[(1, 2), (2, 3), (7, 8), (7, high)]], ranks)
    assert found == dict.fromkeys((1, 2, 3), (2, 3)) | dict.fromkeys((7, 8, high), (7, 3))


def test_without_verification_clusters_are_components(joined) -> None:
    found, figures = joined([[(1, 2), (5, 6), (5, 7)], [], [(2, 3)]], {3: 1}, verified=False)
    assert found == dict.fromkeys((1, 2, 3), (3, 3)) | dict.fromkeys((5, 6, 7), (5, 3))
    assert figures["clusters"] == 2


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("memory", [1, 1 << 30])
def test_nothing_to_join(joined, verified, memory) -> None:
    nothing = {}, {"edges": 0, "clusters": 0}
    assert joined([[], []], verified=verified, memory=memory) == nothing


@pytest.mark.parametrize("verified", [True, False])
def test_the_same_edge_in_256_bands(joined, verified) -> None:
    """As many bands as a recipe may ask for, all of them agreeing."""
    found, _ = joined([[(1, 2)]] * 256, verified=verified)
    assert found == {1: (1, 2), 2: (1, 2)}


@pytest.mark.parametrize("memory", [300, 1 << 30])
@pytest.mark.parametrize("verified", [True, False])
def test_documents_of_earlier_runs_survive(joined, verified, memory) -> None:
    one, two = FOREIGN + 3, FOREIGN + 9
    edges = [(1, one), (1, two), (2, two), (3, 4)]
    found, _ = joined([edges], verified=verified, memory=memory)
    size = {True: 2, False: 4}[verified]
    survivor = {True: two, False: one}[verified]
    first = (one, 2) if verified else (one, 4)
    assert found[1][0] == first[0]
    assert found[2][0] == survivor
    assert found[2][1] == size
    assert found[3] == found[4] == (3, 2)
    assert sorted(found) == [1, 2, 3, 4]


_EDGES = st.lists(
    st.tuples(st.integers(0, 299), st.integers(0, 3), st.integers(0, 30), st.integers(0, 3)).map(
        lambda e: ((e[1] << 40) + e[0] % 12, (e[3] << 40) + e[2] % 7)
    ),
    max_size=40,
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(edges=_EDGES, ranks=st.dictionaries(st.integers(0, 11), st.integers(1, 4)))
@pytest.mark.parametrize("verified", [True, False])
def test_disk_and_memory_give_the_same(joined, verified, edges, ranks) -> None:
    ranks = {n: ranks.get(split_key(n)[1], 5) for e in edges for n in e}
    tables = [edges[::2], edges[1::2]]
    expected = joined(tables, ranks, verified)
    assert joined(tables, ranks, verified, memory=1500) == expected


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    edges=st.lists(st.tuples(st.integers(0, 9), st.integers(5, 14)), min_size=1, max_size=20),
    ranks=st.dictionaries(st.integers(0, 14), st.integers(1, 4)),
)
def test_who_is_dropped_resembles_its_survivor_and_no_two_survivors_are_alike(
    joined, edges, ranks
) -> None:
    edges = [edge for edge in edges if edge[0] != edge[1]]
    found, _ = joined([edges], ranks)
    alike = {frozenset(edge) for edge in edges}
    for key, (survivor, _) in found.items():
        assert key == survivor or frozenset((key, survivor)) in alike
        rank = {n: (ranks.get(n, 5), n) for n in (key, survivor)}
        assert rank[survivor] <= rank[key]
    nodes = {n for edge in edges for n in edge}
    stay = {n for n in nodes if found.get(n, (n, 1))[0] == n}
    assert not any(frozenset((a, b)) in alike for a in stay for b in stay if a != b)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    edges=st.lists(st.tuples(st.integers(0, 9), st.integers(10, 19)), min_size=1, max_size=15),
    ranks=st.dictionaries(st.integers(0, 19), st.integers(1, 4)),
)
def test_unverified_clusters_are_the_components(joined, edges, ranks) -> None:
    label = {n: n for edge in edges for n in edge}
    for _ in label:
        for a, b in edges:
            label[a] = label[b] = min(label[a], label[b])
    expected = {}
    for node in label:
        members = [n for n in label if label[n] == label[node]]
        survivor = min(members, key=lambda n: (ranks.get(n, 5), n))
        expected[node] = (survivor, len(members))
    assert joined([edges], ranks, verified=False)[0] == expected
