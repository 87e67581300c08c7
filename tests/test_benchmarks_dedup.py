"""What the dedup benchmarks of ``benchmarks/`` take for true."""

from itertools import pairwise
from pathlib import Path

import near_copies
import numpy as np
import pyarrow.parquet as pq
import pytest
from dedup_clusters import cluster_sizes, describe, differences, pair_of
from dedup_curve import curve, judged, z_score
from dedup_pages import vary
from dedup_runs import detected, documents, minhash, recipe, round_costs
from hypothesis import given
from hypothesis import strategies as st
from near_copies import BOILERPLATE, VOCABULARY, Corpus, jaccard, planted, spell, write_corpus
from scale import dump

from gristmill.api import run
from gristmill.pipeline.text import simplify, words

DOCS = np.arange(20_000, dtype=np.uint64)
WORDS = st.lists(st.sampled_from("abc"), max_size=12)


@given(WORDS, WORDS, st.integers(1, 4))
def test_jaccard_counts_distinct_ngrams(a: list[str], b: list[str], ngram: int) -> None:
    grams = [{" ".join(w[i : i + ngram]) for i in range(len(w) - ngram + 1)} for w in (a, b)]
    union = grams[0] | grams[1]
    assert jaccard(a, b, ngram) == (len(grams[0] & grams[1]) / len(union) if union else 0)


def test_every_word_is_one_word_to_the_tokenizer() -> None:
    vocabulary = [spell(k) for k in range(VOCABULARY)]
    assert len(set(vocabulary)) == VOCABULARY
    assert words(simplify(" ".join(vocabulary))) == tuple(vocabulary)
    assert [w for w in vocabulary[:10_000] if words(w) != (w,)] == []  # also by itself


@pytest.mark.parametrize("target", [0.5, 0.75, 0.95, 1.0])
def test_planted_pairs_are_as_alike_as_they_say(target: float) -> None:
    draw = np.random.default_rng(3)
    pairs = [planted(target, draw) for _ in range(60)]
    for pair in pairs:
        one, two = (words(simplify(text)) for text in (pair.first, pair.second))
        assert jaccard(one, two) == pair.jaccard
    assert np.mean([pair.jaccard for pair in pairs]) == pytest.approx(target, abs=0.015)


def test_a_document_depends_on_its_number_only() -> None:
    whole = Corpus().texts(DOCS[:300]).to_pylist()
    assert Corpus().texts(DOCS[100:300]).to_pylist() == whole[100:]
    assert Corpus(seed=2).texts(DOCS[:300]).to_pylist() != whole


def test_near_copies_are_of_earlier_originals() -> None:
    roots = Corpus().originals(DOCS)
    boilerplate = roots == BOILERPLATE
    copy = ~boilerplate & (roots != DOCS)
    assert (roots[copy] < DOCS[copy]).all()
    assert np.array_equal(Corpus().originals(roots[copy]), roots[copy])
    assert boilerplate.mean() == pytest.approx(0.0125, abs=0.003)  # copies of it, too
    assert copy.mean() == pytest.approx(0.2, abs=0.01)
    pairs = [
        [text.split() for text in Corpus().texts(numbers[copy][:400]).to_pylist()]
        for numbers in (DOCS, roots)
    ]
    alike = np.array([jaccard(a, b) for a, b in zip(*pairs, strict=True)])
    assert {len(a) for a in pairs[0]} <= set(range(40, 61))
    assert np.histogram(alike, [0, 0.3, 0.5, 0.7, 0.9, 1.01])[0].min() > 20  # all degrees occur
    others = [text.split() for text in Corpus().texts(np.unique(roots[copy])[:400]).to_pylist()]
    assert max(jaccard(a, b) for a, b in pairwise(others)) < 0.1


def test_boilerplate_is_one_large_group() -> None:
    group = DOCS[Corpus().originals(DOCS) == BOILERPLATE]
    texts = [text.split() for text in Corpus().texts(group).to_pylist()]
    assert {len(text) for text in texts} == {120}
    alike = [jaccard(texts[0], text) for text in texts]
    assert min(alike) > 0.5
    assert np.median(alike) > 0.9
    assert 1 < len({" ".join(text) for text in texts}) < len(texts)


def test_smaller_corpora_are_the_first_shards_of_larger_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_copies, "SHARD_DOCS", 100)
    small = write_corpus(Corpus(), 250, tmp_path)
    made = {path: path.stat().st_mtime_ns for path in small}
    large = write_corpus(Corpus(), 400, tmp_path)
    assert [path.name for path in small] == ["00000.parquet", "00001.parquet", "00002-50.parquet"]
    assert large[:2] == small[:2]
    assert [path.stat().st_mtime_ns for path in small] == list(made.values())
    ids = [i for path in large for i in pq.read_table(path)["id"].to_pylist()]
    assert ids == [str(i) for i in range(400)]


def test_z_is_of_the_binomial_tail() -> None:
    assert z_score(500, 1000, 0.5) == 0
    assert z_score(600, 1000, 0.5) == pytest.approx(100 / np.sqrt(250), abs=0.1)
    assert z_score(400, 1000, 0.5) == pytest.approx(-z_score(600, 1000, 0.5))
    assert z_score(1000, 1000, 1 - 1e-7) == 0
    assert -4 < z_score(999, 1000, 1 - 1e-7) < -3  # improbable: once in ten thousand
    assert z_score(990, 1000, 1 - 1e-7) < -4


def test_the_curve_tells_true_detection_from_other() -> None:
    draw = np.random.default_rng(1)
    similarity = draw.uniform(0.5, 1, 10_000)
    true = draw.random(10_000) < detected(similarity)
    other = draw.random(10_000) < 1 - (1 - similarity**8) ** 10
    for found, fits in ((true, True), (other, False)):
        rows = curve(similarity, found, found)
        assert sum(row["pairs"] for row in rows) == 10_000
        assert (max(abs(row["z"]) for row in rows) < 4) == fits


def test_precision_and_recall_at_the_threshold() -> None:
    similarity = np.array([0.6, 0.65, 0.7, 0.8, 0.9])
    unverified = np.array([False, True, True, True, True])
    verified = np.array([False, True, True, False, True])
    found = judged(similarity, unverified, verified)
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["precision_unverified"] == pytest.approx(3 / 4)
    assert found["recall"] == pytest.approx(2 / 3)


def test_variations_follow_the_pages_and_some_are_near_copies() -> None:
    pages = [" ".join(spell(k) for k in range(start, start + 200)) for start in range(0, 9000, 300)]
    texts = list(vary(pages, 150, seed=1))
    assert sorted(texts[:30]) == sorted(pages)
    alike = [
        jaccard(text.split(), texts[number % 30].split()) for number, text in enumerate(texts)
    ][30:]
    near = [value for value in alike if value > 0.5]
    assert len(near) / len(alike) == pytest.approx(0.2, abs=0.1)
    assert max(value for value in alike if value <= 0.5) < 0.25
    assert list(vary(pages, 10, seed=1)) == texts[:10]


def test_a_run_is_read_as_it_was(tmp_path: Path) -> None:
    write_corpus(Corpus(), 300, tmp_path / "in")
    report = run(recipe({"stages": [minhash()]}, f"{tmp_path}/in/*.parquet"), tmp_path / "out")
    table = documents(tmp_path / "out", ["id", "url", "text", "key"])
    assert table.num_rows == 300
    dropped = {row["key"] for row in table.to_pylist() if row["dropped"]}
    assert len(dropped) == report.stages[-1].drops["near_duplicate"] > 0
    sizes = cluster_sizes(table)
    assert sum(sizes.values()) == len(dropped) + len(sizes)
    first, other = pair_of(table, min(sizes), np.random.default_rng(1))
    assert (first["dropped"], other["dropped"]) == (False, True)
    assert jaccard(first["text"].split(), other["text"].split()) >= 0.7
    assert "Jaccard" in describe(first, other)
    costs = round_costs(tmp_path / "out")
    assert (costs[0].name, costs[-1].name) == ("curate", "documents")
    assert sum(cost.cpu_seconds for cost in costs) == pytest.approx(
        sum(report.cpu_seconds.values())
    )
    on_disk = sum(path.stat().st_size for path in (tmp_path / "out").glob("*/*.parquet"))
    assert on_disk <= sum(cost.text_bytes + cost.other_bytes for cost in costs)
    assert all(cost.begun < cost.ended for cost in costs)


def test_a_dump_is_projected_by_documents_and_by_words() -> None:
    run_ = {"docs": 100, "cpu_seconds": 36.0, "other_bytes": 10, "text_bytes": 20}
    far = dump(run_, docs=1000, words=510)
    assert far["cpu_hours"] == pytest.approx([0.1, 1.0])
    assert far["other_bytes"] == pytest.approx(100)
    assert far["text_bytes"] == pytest.approx(2000)


def test_differences_are_marked_and_what_is_shared_is_shortened() -> None:
    assert (
        differences(["the", "old", "mill"], ["the", "new", "mill", "stands"])
        == "the [-old-]{+new+} mill {+stands+}"
    )
    long = [spell(k) for k in range(50)]
    told = differences(["old", *long], ["new", *long, "end"])
    assert told == f"[-old-]{{+new+}} {' '.join(long[:4])} … {' '.join(long[-4:])} {{+end+}}"
    assert differences(long, long).startswith("the same words: baba babe")
    assert len(differences([], [spell(k) for k in range(1000)])) <= 602
