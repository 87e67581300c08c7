"""Only texts that really are alike become edges."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.pipeline.dedup import verify
from gristmill.pipeline.dedup.bands import GROUPS
from gristmill.pipeline.dedup.verify import VerifyGroups, jaccard
from gristmill.pipeline.rounds import Round, View
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import make_key
from gristmill.pipeline.shard import Draft


def letters(spec: str) -> str:
    """``"abc"`` → a text whose word 1-grams are wa, wb, wc."""
    return " ".join(f"w{c}" for c in spec)


@pytest.fixture
def verified(lay):
    """Publish groups made up by hand, one list a band, and verify them."""

    def make(shards, files, threshold=0.5):
        run = lay([[letters(t) for t in texts] for texts in shards])
        for task, groups in enumerate(files):
            rows = [(g, make_key(*d), 1) for g, docs in enumerate(groups) for d in docs]
            columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
            draft = Draft(run.folder, "near.groups", task)
            arrays = [pa.array(c, f.type) for c, f in zip(columns, GROUPS, strict=True)]
            path = draft.numbered("groups.parquet", docs=len(rows))
            pq.write_table(pa.table(arrays, schema=GROUPS), path)
            run.folder.publish(draft)
        run.folder.seal("near.groups", len(files))
        work = VerifyGroups("near.groups", View("curate"), 1, threshold)
        execute(run.folder, [Round("near.edges", work)], LocalRunner())
        edges = [
            (row["a"], row["b"])
            for path in run.folder.outputs("near.edges", ".parquet")
            for row in pq.read_table(path).to_pylist()
        ]
        facts = run.facts("near.edges")
        return (
            sorted(edges),
            sum(f["pairs_checked"] for f in facts),
            sum(f["pairs_refuted"] for f in facts),
        )

    return make


def _edge(a: tuple[int, int], b: tuple[int, int]) -> tuple[int, int]:
    return make_key(*a), make_key(*b)


def test_alike_documents_of_several_shards(verified) -> None:
    shards = [["abcd"], ["abcd"], ["abce"]]
    edges, checked, refuted = verified(shards, [[[(0, 0), (1, 0), (2, 0)]]])
    assert edges == [_edge((0, 0), (1, 0)), _edge((0, 0), (2, 0))]
    assert (checked, refuted) == (2, 0)


def test_unlike_documents_are_refuted(verified) -> None:
    edges, checked, refuted = verified([["abcd", "efgh"]], [[[(0, 0), (0, 1)]]])
    assert (edges, checked, refuted) == ([], 1, 1)


def test_two_families_in_one_group_end_as_two_stars(verified) -> None:
    shards = [["abcd", "wxyz"], ["abcd", "wxyz"], ["abcd", "wxyz"]]
    group = [(s, r) for s in range(3) for r in range(2)]
    edges, checked, refuted = verified(shards, [[group]])
    assert edges == sorted(_edge((0, r), (s, r)) for r in (0, 1) for s in (1, 2))
    assert (checked, refuted) == (5 + 2, 3)


def test_threshold_is_inclusive(verified) -> None:
    shards, files = [["abc", "abd"]], [[[(0, 0), (0, 1)]]]  # Jaccard 2/4
    assert len(verified(shards, files, threshold=0.5)[0]) == 1
    assert verified(shards, files, threshold=0.51)[0] == []


def test_a_group_found_in_many_bands_is_checked_once(verified) -> None:
    group = [(0, 0), (0, 1), (0, 2)]
    edges, checked, _ = verified([["abcd"] * 3], [[group]] * 14)
    assert (len(edges), checked) == (2, 2)


def test_overlapping_groups_share_their_pairs(verified) -> None:
    files = [[[(0, 0), (0, 1)]], [[(0, 0), (0, 1), (0, 2)]]]
    edges, checked, _ = verified([["abcd"] * 3], files)
    assert (len(edges), checked) == (2, 2)


def test_tasks_together_find_what_one_finds(verified, monkeypatch) -> None:
    shards = [["abcd", "wxyz"] * 4] * 2
    pairs = [[(0, r), (1, r)] for r in range(8)] + [[(0, r), (0, r + 1)] for r in range(7)]
    whole = verified(shards, [pairs])
    monkeypatch.setattr(verify, "_TASK_DOCS", 7)
    assert verified(shards, [pairs]) == whole
    assert len(whole[0]) == 8


def test_a_group_of_strangers_is_not_compared_pair_by_pair(verified, monkeypatch) -> None:
    monkeypatch.setattr(verify, "_MAX_STARS", 3)
    texts = [chr(0x4E00 + i) for i in range(50)]
    edges, checked, _ = verified([texts], [[[(0, r) for r in range(50)]]])
    assert edges == []
    assert checked == 49 + 48 + 47


def test_no_groups(verified) -> None:
    assert verified([["abcd"]], [[], []]) == ([], 0, 0)


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)))
def test_jaccard_is_that_of_sets(a: set[int], b: set[int]) -> None:
    expected = len(a & b) / len(a | b) if a | b else 0.0
    arrays = [np.array(sorted(s), np.uint64) for s in (a, b)]
    assert jaccard(*arrays) == expected
    assert jaccard(*reversed(arrays)) == expected
