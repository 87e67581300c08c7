"""Near-duplicates from text to survivors."""

import itertools
import random

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import gristmill
from gristmill.pipeline.dedup import components, scatter, shingle_sets, verify
from gristmill.pipeline.dedup.exact import ExactDedup
from gristmill.pipeline.dedup.minhash import MinhashDedup
from gristmill.pipeline.dedup.signature import Family, distinct_sets
from gristmill.pipeline.rounds import DropList, View
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import documents, make_key
from gristmill.pipeline.stage import with_columns

_WORDS = [f"{a}{b}{c}" for a in "bdgklmnprst" for b in "aeiou" for c in ("l", "n", "rk", "st", "")]


def prose(seed: int, words: int = 120) -> str:
    rng = random.Random(seed)
    return " ".join(rng.choice(_WORDS) for _ in range(words))


def near(text: str, seed: int, changes: int = 1) -> str:
    """The same text with a few words exchanged: Jaccard about 0.9 for one of 120."""
    rng, words = random.Random(seed), text.split()
    for _ in range(changes):
        words[rng.randrange(len(words))] = f"new{rng.randrange(10**6)}"
    return " ".join(words)


def test_near_duplicates_across_shards_leave_the_longest(lay) -> None:
    a, b = prose(1), prose(2)
    longest = near(a, 3) + " with a longer end"
    run = lay([[a, "short text"], [b, near(a, 4)], [longest, "short text"]])
    drop = run.execute(MinhashDedup(), "minhash_dedup")
    assert run.survivors(drop) == sorted([b, longest, "short text", "short text"])
    assert {row["survivor"] for row in run.clusters(drop)} == {make_key(2, 0)}


def test_unlike_texts_stay(lay) -> None:
    texts = [prose(seed) for seed in range(60)]
    run = lay([texts[:30], texts[30:]])
    assert run.survivors(run.execute(MinhashDedup(), "minhash_dedup")) == sorted(texts)


@pytest.mark.parametrize(
    "shards", [[[]], [[], []], [["one"]], [["a b c d", "a b c d"]], [["", ""]]]
)
def test_documents_without_an_ngram_are_never_dropped(lay, shards) -> None:
    run = lay(shards)
    drop = run.execute(MinhashDedup(), "minhash_dedup")
    assert run.survivors(drop) == sorted(text for shard in shards for text in shard)
    signed = run.folder.manifests("minhash_dedup.signatures")
    assert sum(m.outputs[0].docs for m in signed) == 0


def test_all_identical_is_linear_in_comparisons(lay) -> None:
    run = lay([[prose(1)] * 1000, [prose(1)] * 1000])
    drop = run.execute(MinhashDedup(), "minhash_dedup")
    assert run.survivors(drop) == [prose(1)]
    (figures,) = run.figures("minhash_dedup.edges")
    assert figures == {"pairs_compared": 1999, "pairs_refuted": 0, "docs_without_leader": 0}
    assert {row["survivor"] for row in run.clusters(drop)} == {make_key(0, 0)}


def test_a_document_of_ten_megabytes(lay) -> None:
    huge = " ".join([prose(1, 50_000)] * 50)
    assert len(huge) > 10**7
    run = lay([[huge, prose(2)], [huge + " end", "\0" * 10**6, "x" * 10**6]])
    survivors = run.survivors(run.execute(MinhashDedup(), "minhash_dedup"))
    assert survivors == sorted([prose(2), huge + " end", "\0" * 10**6, "x" * 10**6])


@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.randoms(use_true_random=False))
def test_clusters_do_not_depend_on_the_shards(lay, random_) -> None:
    texts = [near(prose(n), 10 * n + i) + " tail" * i for n in range(4) for i in range(3)]
    expected = None
    for arranged in (texts, random_.sample(texts, len(texts))):
        cuts = sorted(random_.randrange(len(texts) + 1) for _ in range(2))
        run = lay([arranged[i:j] for i, j in zip([0, *cuts], [*cuts, len(texts)], strict=True)])
        drop = run.execute(MinhashDedup(), "minhash_dedup")
        found = (run.survivors(drop), run.groups(drop))
        expected = expected or found
        assert found == expected
    assert len(expected[0]) == 4


def test_verification_can_be_switched_off(lay) -> None:
    run = lay([[prose(1), near(prose(1), 2)], [near(prose(1), 3), prose(9)]])
    drop = run.execute(MinhashDedup(verify=None), "minhash_dedup")
    names = [r.name for r in MinhashDedup(verify=None).rounds("m", View("curate"))]
    assert names == ["m.signatures", "m.bands", "m.groups", "m.clusters"]
    assert len(run.survivors(drop)) == 2
    assert prose(9) in run.survivors(drop)


def test_verification_refutes_what_the_bands_suggest(lay) -> None:
    """One band of one hash makes candidates of almost anything that shares a shingle."""
    loose = {"ngram": 1, "bands": 64, "rows": 1}
    texts = [prose(seed, 60) for seed in range(8)]
    unverified, verified = lay([texts]), lay([texts])
    drop = unverified.execute(MinhashDedup(verify=None, **loose), "minhash_dedup")
    assert len(unverified.survivors(drop)) == 1
    drop = verified.execute(MinhashDedup(verify=0.7, **loose), "minhash_dedup")
    assert verified.survivors(drop) == sorted(texts)
    (figures,) = verified.figures("minhash_dedup.edges")
    assert figures["pairs_refuted"] == figures["pairs_compared"] == 8 * 7 / 2


def test_documents_already_dropped_take_no_part(lay) -> None:
    """After exact deduplication, MinHash neither signs nor keeps an exact duplicate."""
    a = prose(1)
    run = lay([[a, a], [a, near(a, 2)]])
    first = run.execute(ExactDedup(), "exact_dedup")
    stage = MinhashDedup()
    execute(run.folder, stage.rounds("minhash_dedup", View("curate", (first,))), LocalRunner())
    second = DropList("minhash_dedup", "minhash_dedup.clusters", "near_duplicate")
    assert {row["key"] for row in run.clusters(second)} == {make_key(0, 0), make_key(1, 1)}


@pytest.mark.parametrize("verify", [0.7, None])
@pytest.mark.parametrize("save_index", [False, True])
def test_memory_and_saved_shingles_change_nothing(lay, monkeypatch, verify, save_index) -> None:
    texts = [near(prose(n), 10 * n + i) for n in range(30) for i in range(n % 12)]
    expected = None
    for factor in (1, 1000):
        monkeypatch.setattr(scatter, "_RECORD_BYTES", 96 * factor)
        monkeypatch.setattr(shingle_sets, "SHINGLE_BYTES", 32 * factor)
        monkeypatch.setattr(components, "_EDGE_BYTES", 256 * factor)
        run = lay([texts[:50], texts[50:60], [], texts[60:]])
        stage = MinhashDedup(verify=verify, save_index=save_index, memory=10**7)
        drop = run.execute(stage, "minhash_dedup")
        found = run.clusters(drop)
        expected = expected or found
        assert found == expected
    assert len(run.folder.manifests("minhash_dedup.groups")) > 1
    assert len(run.survivors(drop)) < 60


def test_the_best_score_survives() -> None:
    texts = [near(prose(1), i) + " tail" * i for i in range(3)]
    batch = with_columns(documents(texts), {"score": pa.array([0.5, 0.7, None], pa.float32())})
    kept, _ = gristmill.apply(MinhashDedup(prefer="score"), batch)
    assert kept["text"].to_pylist() == [texts[1]]


def test_copies_by_cluster_size() -> None:
    """FineWeb-2 shows a document more often that was found more often."""
    weights = {1: 1, 2: 2, 3: 3, 5: 5, 100: 8, 1000: 1}
    texts = [near(prose(n), i) for n, size in enumerate((1, 2, 4, 6)) for i in range(size)]
    kept, _ = gristmill.apply(MinhashDedup(rehydrate=weights), documents(texts))
    assert kept["minhash_dedup.copies"].to_pylist() == [1, 2, 3, 5]
    assert kept["minhash_dedup.cluster_size"].to_pylist() == [None, 2, 4, 6]
    with pytest.raises(ValidationError, match="what clusters of 1 get"):
        MinhashDedup(rehydrate={2: 2})


def test_characters_where_words_have_no_spaces() -> None:
    sentence = "磨坊在河边慢慢地转动着水车磨出白色的面粉农夫每天清晨都把麦子送到这里来"
    texts = [
        sentence * 3,
        sentence * 3 + "了",
        "完全不同的一段文字说的是山上的灯塔和海里的船只以及天上的星星",
    ]
    kept, _ = gristmill.apply(MinhashDedup(unit="char", ngram=5), documents(texts))
    assert kept["text"].to_pylist() == texts[1:]
    kept, _ = gristmill.apply(MinhashDedup(), documents(texts))
    assert kept["text"].to_pylist() == texts[1:]


@pytest.mark.parametrize("bad", [{"bands": 0}, {"rows": 0}, {"ngram": 0}, {"verify": 0}, {"x": 1}])
def test_bad_parameters_are_refused(bad) -> None:
    with pytest.raises(ValidationError):
        MinhashDedup(**bad)


def test_no_two_survivors_of_one_band_resemble_each_other(lay, monkeypatch) -> None:
    """Also where a leader falls to another group's document and leaves its followers behind."""
    monkeypatch.setattr(verify, "_ALL_PAIRS", 4)
    texts = [near(prose(n), 100 * n + i, 1 + i % 6) for n in range(4) for i in range(40)]
    run = lay([texts[:70], texts[70:]])
    stage = MinhashDedup()
    left = run.survivors(run.execute(stage, "minhash_dedup"))
    hashes, counts = stage.shingler()(left)
    sets = [set(part.tolist()) for part in distinct_sets(hashes, counts)]
    keys = Family().band_keys(hashes, counts)
    alike = [
        (i, j)
        for i, j in itertools.combinations(range(len(left)), 2)
        if (keys[:, i] == keys[:, j]).any()
        and len(sets[i] & sets[j]) / len(sets[i] | sets[j]) >= 0.7
    ]
    assert alike == []
    assert run.figures("minhash_dedup.again")[0]["pairs_compared_again"] > 0
