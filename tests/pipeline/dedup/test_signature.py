"""Shingles and MinHash signatures."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.pipeline.dedup import signature as module
from gristmill.pipeline.dedup.signature import Family, Shingler, distinct_sets

_MASK = (1 << 32) - 1
_TEXT = "The mill grinds slowly, but it grinds 12 sacks of rye a day."


def sets(texts: list[str], ngram: int, unit: str = "word") -> list[np.ndarray]:
    return distinct_sets(*Shingler(ngram, unit)(texts))


def keys(hashes: list[int] | np.ndarray, *family: int) -> list[int]:
    """Band keys of one document."""
    array = np.array(hashes, np.uint32)
    return Family(*family).band_keys(array, np.array([len(array)]))[:, 0].tolist()


def _planted(
    rng: np.random.Generator, jaccard: float, union: int = 400
) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of hashes whose Jaccard similarity is exactly as asked."""
    values = rng.integers(0, 1 << 32, union, dtype=np.uint32)
    common = round(jaccard * union)
    half = common + (union - common) // 2
    return values[:half], np.r_[values[:common], values[half:]]


@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.7, 0.8, 0.9])
def test_candidates_follow_the_published_curve(similarity: float) -> None:
    rng, pairs = np.random.default_rng(11), 2000
    planted = [s for _ in range(pairs) for s in _planted(rng, similarity)]
    found = Family(14, 8, 1).band_keys(np.concatenate(planted), np.array(list(map(len, planted))))
    hits = (found[:, ::2] == found[:, 1::2]).any(axis=0).sum()
    expected = 1 - (1 - similarity**8) ** 14
    tolerance = 4 * np.sqrt(expected * (1 - expected) / pairs) + 0.002
    assert abs(hits / pairs - expected) < tolerance


def test_one_hash_agrees_as_often_as_the_sets_do() -> None:
    rng = np.random.default_rng(5)
    rates = []
    for _ in range(60):
        a, b = (np.array(keys(s, 256, 1, 3)) for s in _planted(rng, 0.7))
        rates.append(np.mean(a == b))
    assert abs(np.mean(rates) - 0.7) < 4 * np.sqrt(0.7 * 0.3 / (60 * 256))


def test_band_keys_are_pinned() -> None:
    """A change here is a change of output: raise the stage's version."""
    (hashes,) = sets([_TEXT], 5)
    assert len(hashes) == 9
    assert keys(hashes, 3, 8, 1) == [
        0xF7A2E0EB952E0A03,
        0x73D10BDEAD78EE91,
        0x39CB25217CCF2547,
    ]


def test_family_is_what_it_says() -> None:
    """Every row is min over a·x + b mod 2³²; a band key mixes its number and its rows."""
    mask64 = (1 << 64) - 1

    def mix(x: int) -> int:
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & mask64
        x = (x ^ x >> 27) * 0x94D049BB133111EB & mask64
        return x ^ x >> 31

    (hashes,) = sets([_TEXT], 3)
    a, b = (v.tolist() for v in module._functions(6, 9))
    assert all(v % 2 for v in a)
    expected = []
    for band in range(2):
        key = mix(band + 1)
        for row in range(3):
            i = band * 3 + row
            low = min((a[i] * x + b[i]) & _MASK for x in hashes.tolist())
            key = mix((key * 0x9E3779B97F4A7C15 + low) & mask64)
        expected.append(key)
    assert keys(hashes, 2, 3, 9) == expected


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_blocks_do_not_change_the_result(monkeypatch, block: int) -> None:
    counts = np.array([3, 1, 20, 7, 1])
    hashes = np.random.default_rng(0).integers(0, 1 << 32, counts.sum(), dtype=np.uint32)
    expected = Family().band_keys(hashes, counts)
    assert [keys(part, 14, 8, 1) for part in np.split(hashes, np.cumsum(counts)[:-1])] == (
        expected.T.tolist()
    )
    monkeypatch.setattr(module, "_BLOCK", block)
    assert np.array_equal(Family().band_keys(hashes, counts), expected)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, _MASK), min_size=1, max_size=40), st.randoms())
def test_order_and_repetition_of_shingles_do_not_matter(values: list[int], random) -> None:
    shuffled = [*values, *values[:3]]
    random.shuffle(shuffled)
    assert keys(values, 4, 2, 1) == keys(shuffled, 4, 2, 1)


def test_bands_with_the_same_minima_have_keys_of_their_own() -> None:
    assert len(set(keys([0], 20, 1, 1))) == 20


def test_seeds_of_any_size_give_different_families() -> None:
    (hashes,) = sets([_TEXT], 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = {tuple(keys(hashes, 2, 2, s)) for s in (0, 1, 2, 3, 2**64 + 5, 9**99)}
    assert len(found) == 6


def test_sets_are_sorted_and_distinct() -> None:
    (hashes,) = sets(["a b c a b c a b c"], 3)
    assert len(hashes) == 3
    assert np.all(hashes[1:] > hashes[:-1])


def test_shingles_see_order_within_but_not_of_ngrams() -> None:
    one, two = sets(["a b c x a b d", "d b a x c"], 1)
    assert np.array_equal(one, two)
    one, two = sets(["a b", "b a"], 2)
    assert not np.array_equal(one, two)
    # two texts whose bigrams are the same set in another order
    one, two = sets(["a b a c a", "a c a b a"], 2)
    assert np.array_equal(one, two)


def test_shingles_ignore_what_simplify_ignores() -> None:
    one, two = sets(["Café costs 12, or 99!", "cafe COSTS 7 or 8"], 2)
    assert np.array_equal(one, two)


def test_shingles_do_not_reach_into_the_next_text() -> None:
    texts = ["a b c d e", "f", "", "g h i j k l", "a b c d e"]
    hashes, counts = Shingler(5)(texts)
    assert counts.tolist() == [1, 0, 0, 2, 1]
    assert [h for text in texts for h in Shingler(5)([text])[0].tolist()] == hashes.tolist()


@pytest.mark.parametrize("text", ["", "one two three four", "?!...", "\0", "\ud800", " \n "])
@pytest.mark.parametrize("unit", ["word", "char"])
def test_texts_shorter_than_an_ngram_have_no_shingles(text: str, unit: str) -> None:
    ngram = 5 if unit == "word" else 17
    assert sets([text], ngram, unit)[0].tolist() == []


def test_exactly_one_ngram() -> None:
    assert len(sets(["one two three four five"], 5)[0]) == 1
    assert len(sets(["磨坊慢慢地"], 5, "char")[0]) == 1


def test_huge_lines() -> None:
    assert len(sets(["word " * 200_000], 5)[0]) == 1
    assert len(sets(["x" * 2_000_000], 1)[0]) == 1
    assert len(sets(["x" * 2_000_000], 24, "char")[0]) == 1
