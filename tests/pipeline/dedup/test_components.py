"""From edges to clusters."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.pipeline.dedup.bands import GROUPS
from gristmill.pipeline.dedup.components import Components
from gristmill.pipeline.dedup.verify import EDGES
from gristmill.pipeline.rounds import DropList, Round
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.shard import Draft

_HIGH = (1 << 63) + 1  # a key above the sign bit


@pytest.fixture
def joined(lay):
    """Publish groups, and edges unless None; return key → (survivor, size) and the facts."""

    def publish(run, name: str, file: str, schema: pa.Schema, tables: Sequence[list]) -> None:
        for task, rows in enumerate(tables):
            columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
            arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
            draft = Draft(run.folder, name, task)
            path = draft.numbered(file, docs=len(rows))
            pq.write_table(pa.table(arrays, schema=schema), path)
            run.folder.publish(draft)
        run.folder.seal(name, len(tables))

    def make(
        groups: Sequence[Sequence[Sequence[int]]],
        lengths: Mapping[int, int],
        edges: Sequence[list[tuple[int, int]]] | None,
    ):
        run = lay([[""]])
        rows = [
            [(g, key, lengths.get(key, 1)) for g, keys in enumerate(file) for key in keys]
            for file in groups
        ]
        publish(run, "near.groups", "groups.parquet", GROUPS, rows)
        source = "near.groups"
        if edges is not None:
            source = "near.edges"
            publish(run, source, "edges.parquet", EDGES, edges)
        work = Components(source, "near.groups")
        execute(run.folder, [Round("near.clusters", work)], LocalRunner())
        drop = DropList("near", "near.clusters", "near_duplicate")
        found = {r["key"]: (r["survivor"], r["cluster_size"]) for r in run.clusters(drop)}
        return found, run.facts("near.clusters")[0]

    return make


def test_a_chain_drops_nobody_for_a_stranger(joined) -> None:
    """1 ~ 2 ~ 3 ~ 4: 3 was never confirmed to be like 1, so it stays, and takes 4."""
    found, facts = joined([[[1, 2, 3, 4]]], {}, [[(1, 2), (3, 4)], [(2, 3)]])
    assert found == dict.fromkeys((1, 2), (1, 2)) | dict.fromkeys((3, 4), (3, 2))
    assert facts == {"edges": 3, "clusters": 2}


def test_the_longest_survives_then_the_smallest_key(joined) -> None:
    groups = [[[1, 2, 3], [7, 8, _HIGH]]]
    lengths = {1: 5, 2: 9, 3: 9, 7: 1, 8: 1, _HIGH: 1}
    found, _ = joined(groups, lengths, [[(1, 2), (2, 3), (7, 8), (7, _HIGH)]])
    assert found == dict.fromkeys((1, 2, 3), (2, 3)) | dict.fromkeys((7, 8, _HIGH), (7, 3))


def test_candidates_without_an_edge_are_in_no_cluster(joined) -> None:
    found, facts = joined([[[1, 2, 3]]], {}, [[(1, 3)]])
    assert found == {1: (1, 2), 3: (1, 2)}
    assert facts["clusters"] == 1


def test_without_verification_every_group_is_a_star(joined) -> None:
    found, facts = joined([[[1, 2], [5, 6, 7]], [], [[2, 3]]], {3: 9}, None)
    assert found == dict.fromkeys((1, 2, 3), (3, 3)) | dict.fromkeys((5, 6, 7), (5, 3))
    assert facts["clusters"] == 2


@pytest.mark.parametrize("edges", [None, [[]]])
def test_nothing_to_join(joined, edges) -> None:
    assert joined([[], []], {}, edges) == ({}, {"edges": 0, "clusters": 0})


def test_the_same_edge_in_256_bands(joined) -> None:
    """As many bands as a recipe may ask for, all of them agreeing."""
    assert joined([[[1, 2]] * 256], {}, None)[0] == {1: (1, 2), 2: (1, 2)}


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    edges=st.lists(st.tuples(st.integers(0, 9), st.integers(10, 19)), min_size=1, max_size=15),
    lengths=st.dictionaries(st.integers(0, 19), st.integers(1, 4)),
)
def test_unverified_clusters_are_the_components(joined, edges, lengths) -> None:
    label = {n: n for edge in edges for n in edge}
    for _ in label:
        for a, b in edges:
            label[a] = label[b] = min(label[a], label[b])
    expected = {}
    for node in label:
        members = [n for n in label if label[n] == label[node]]
        survivor = min(members, key=lambda n: (-lengths.get(n, 1), n))
        expected[node] = (survivor, len(members))
    assert joined([[sorted(edge)] for edge in edges], lengths, None)[0] == expected


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    edges=st.lists(st.tuples(st.integers(0, 9), st.integers(5, 14)), min_size=1, max_size=20),
    lengths=st.dictionaries(st.integers(0, 14), st.integers(1, 4)),
)
def test_verified_clusters_hold_confirmed_pairs_only(joined, edges, lengths) -> None:
    edges = [(a, b) for a, b in edges if a != b]
    found, _ = joined([[sorted(edge)] for edge in edges], lengths, [edges])
    pairs = {frozenset(edge) for edge in edges}
    dropped = {key for key, (survivor, _) in found.items() if survivor != key}
    for key in dropped:
        survivor = found[key][0]
        assert frozenset((key, survivor)) in pairs
        assert survivor not in dropped
        assert (-lengths.get(survivor, 1), survivor) < (-lengths.get(key, 1), key)
    # Nobody stays beside a confirmed twin that stays.
    stays = {n for edge in edges for n in edge} - dropped
    assert not any(a in stays and b in stays for a, b in edges)
