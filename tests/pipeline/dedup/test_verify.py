"""Only texts that really are alike become edges."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.errors import ShardError
from gristmill.pipeline.dedup import verify
from gristmill.pipeline.dedup.clusters import FOREIGN
from gristmill.pipeline.dedup.earlier import Compared
from gristmill.pipeline.dedup.parts import PartWriter
from gristmill.pipeline.dedup.shingle_sets import SHINGLE_BYTES, SetPlan
from gristmill.pipeline.dedup.tables import EDGES, GROUPS, SETS
from gristmill.pipeline.dedup.verify import VerifyGroups
from gristmill.pipeline.rounds import Round
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.shard import Draft


@pytest.fixture
def verified(lay, monkeypatch):
    """Publish groups and shingle sets made up by hand, and verify them.

    Documents are numbered; their shingles are the letters of a string. ``files`` are groups, a list
    for each band range. Rank is the number, or 0 from ``foreign`` on.
    """

    monkeypatch.setattr(verify, "_ALL_PAIRS", 8)

    def publish(run, name: str, task: int, schema: pa.Schema, file: str, rows: list) -> None:
        draft = Draft(run.folder, name, task)
        with PartWriter(draft.numbered(file, docs=len(rows)), schema, 1) as out:
            columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
            arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
            out.scatter(pa.table(arrays, schema=schema), np.zeros(len(rows), np.int64))
        draft.facts = {"keys": [], "shingles": 0}
        run.folder.publish(draft)
        run.folder.seal(name, task + 1)

    def make(texts, files, threshold=0.5, memory=1 << 30, foreign=1000):
        run = lay([[""]])
        key = [n if n < foreign else FOREIGN + n for n in range(len(texts))]
        for task, groups in enumerate(files):
            rows = [
                (hash(frozenset(members)) % (1 << 62), key[n], 0 if n >= foreign else n + 1)
                for members in groups
                for n in sorted(members, key=lambda n: (n < foreign, n))
            ]
            publish(run, "near.groups", task, GROUPS, "groups.arrow", rows)
        letters = [sorted(map(ord, set(text))) for text in texts]
        rows = [(k, len(v), v) for k, v in zip(key, letters, strict=True)]
        for task in range(2):
            publish(run, "near.sets", task, SETS, "sets.arrow", rows[task::2])
        publish(run, "near.signatures", 0, SETS, "signatures.arrow", [])
        plan = SetPlan(Compared("near.signatures", ".signatures.arrow"), memory)
        work = VerifyGroups("near.groups", "near.sets", plan, threshold)
        execute(run.folder, [Round("near.edges", work)], LocalRunner())
        (path,) = run.folder.outputs("near.edges", ".edges.parquet")
        table = pq.read_table(path)
        assert table.schema == EDGES
        edges = sorted((row["a"] % FOREIGN, row["b"]) for row in table.to_pylist())
        return edges, run.figures("near.edges")[0]

    return make


def _figures(compared: int, refuted: int, uncompared: int = 0) -> dict[str, int]:
    return {
        "pairs_compared": compared,
        "pairs_refuted": refuted,
        "docs_without_leader": uncompared,
    }


def test_alike_documents_are_joined(verified) -> None:
    found = verified(["abcd", "abcd", "abce"], [[[0, 1, 2]]])
    assert found == ([(0, 1), (0, 2), (1, 2)], _figures(3, 0))


def test_unlike_documents_are_refuted(verified) -> None:
    assert verified(["abcd", "efgh"], [[[0, 1]]]) == ([], _figures(1, 1))


def test_threshold_is_inclusive(verified) -> None:
    texts, files = ["abc", "abd"], [[[0, 1]]]  # Jaccard 2/4
    assert verified(texts, files, threshold=0.5)[0] == [(0, 1)]
    assert verified(texts, files, threshold=0.51)[0] == []


def test_a_group_found_in_many_bands_is_checked_once(verified) -> None:
    assert verified(["abcd"] * 3, [[[0, 1, 2]]] * 14)[1] == _figures(3, 0)


def test_overlapping_groups_share_their_pairs(verified) -> None:
    edges, figures = verified(["abcd"] * 3, [[[0, 1]], [[0, 1, 2]]])
    assert (len(edges), figures) == (3, _figures(3, 0))


def test_a_large_group_ends_as_stars_around_leaders(verified) -> None:
    edges, figures = verified(["abcd", "wxyz"] * 10, [[range(20)]])
    assert edges == sorted((n % 2, n) for n in range(2, 20))
    # All with the first, then the ten others with theirs.
    assert figures == _figures(19 + 9, 10)


def test_a_group_of_strangers_is_not_compared_pair_by_pair(verified, monkeypatch) -> None:
    monkeypatch.setattr(verify, "_LEADERS", 3)
    edges, figures = verified([chr(0x4E00 + i) for i in range(50)], [[range(50)]])
    assert edges == []
    compared = 49 + 48 + 47 + 46 + 45 + 44  # three leaders, then three neighbours
    assert figures == _figures(compared, compared, 47)


def test_who_follows_no_leader_is_compared_with_its_neighbours(verified, monkeypatch) -> None:
    """The leaders are strangers here; all others are alike."""
    monkeypatch.setattr(verify, "_LEADERS", 3)
    texts = [*(chr(0x4E00 + i) for i in range(3)), *["abcd"] * 20]
    edges, figures = verified(texts, [[range(23)]])
    assert edges == [(i, j) for i in range(3, 23) for j in range(i + 1, min(i + 4, 23))]
    assert figures["docs_without_leader"] == 20
    assert verified(texts, [[range(23)]], memory=20 * SHINGLE_BYTES) == (edges, figures)


@pytest.mark.parametrize("memory", [1, 8 * SHINGLE_BYTES, 40 * SHINGLE_BYTES])
def test_memory_changes_nothing(verified, memory: int) -> None:
    draw = np.random.default_rng(4)
    texts = ["".join(draw.choice(list("abcdef"), 4)) for _ in range(60)]
    files = [[range(40), [41, 42], [40, 41, 42, 43]], [range(38, 60), [1, 50]]]
    expected = verified(texts, files)
    assert len(expected[0]) == 50
    assert verified(texts, files, memory=memory) == expected


def test_turns_keep_the_budget() -> None:
    member, starts = np.array([0, 1, 2, 0, 3, 1, 2]), np.array([0, 2, 5])
    sizes = np.array([5, 1, 1, 9])
    turns = [[group.tolist() for group in turn] for turn in verify._turns(member, starts, sizes, 8)]
    assert turns == [[[0, 1]], [[2, 0, 3]], [[1, 2]]]
    whole = list(verify._turns(member, starts, sizes, 100))
    assert [len(turn) for turn in whole] == [3]


def test_a_candidate_without_shingles_is_an_error(verified) -> None:
    with pytest.raises(ShardError, match="shingles of candidates are missing"):
        verified(["abcd", ""], [[[0, 1]]])


def test_documents_of_earlier_runs_are_not_compared_with_each_other(verified) -> None:
    edges, figures = verified(["abcd"] * 4, [[[0, 1, 2, 3]]], foreign=2)
    assert edges == [(0, 1), (2, 0), (2, 1), (3, 0), (3, 1)]
    assert figures == _figures(5, 0)
    edges, _ = verified(["abcd"] * 20, [[range(20)]], foreign=10)
    assert edges == [(10, n) for n in range(10)]


def test_no_groups(verified) -> None:
    assert verified([], [[], []]) == ([], _figures(0, 0))
