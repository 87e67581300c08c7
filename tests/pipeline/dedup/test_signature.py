"""Shingles and MinHash signatures."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.pipeline.dedup import signature as module
from gristmill.pipeline.dedup.signature import shingles, signature

_MASK = (1 << 64) - 1
_TEXT = "The mill grinds slowly, but it grinds 12 sacks of rye a day."


def _planted(
    rng: np.random.Generator, jaccard: float, union: int = 400
) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of hashes whose Jaccard similarity is exactly as asked."""
    values = rng.integers(0, 1 << 64, union, dtype=np.uint64)
    common = round(jaccard * union)
    half = common + (union - common) // 2
    return values[:half], np.r_[values[:common], values[half:]]


@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.7, 0.8, 0.9])
def test_candidates_follow_the_published_curve(similarity: float) -> None:
    rng, pairs = np.random.default_rng(11), 500
    hits = 0
    for _ in range(pairs):
        a, b = _planted(rng, similarity)
        hits += bool((signature(a, 14, 8, 1) == signature(b, 14, 8, 1)).any())
    expected = 1 - (1 - similarity**8) ** 14
    tolerance = 4 * np.sqrt(expected * (1 - expected) / pairs) + 0.002
    assert abs(hits / pairs - expected) < tolerance


def test_one_hash_agrees_as_often_as_the_sets_do() -> None:
    rng = np.random.default_rng(5)
    rates = []
    for _ in range(60):
        a, b = _planted(rng, 0.7)
        rates.append(np.mean(signature(a, 256, 1, 3) == signature(b, 256, 1, 3)))
    assert abs(np.mean(rates) - 0.7) < 4 * np.sqrt(0.7 * 0.3 / (60 * 256))


def test_band_keys_are_pinned() -> None:
    """A change here is a change of output: raise the stage's version."""
    hashes = shingles(_TEXT, 5)
    assert len(hashes) == 9
    assert signature(hashes, 3, 8, 1).tolist() == [
        0xAF9F5865B49CE1C2,
        0x4AD2CF7BF01E789D,
        0x4F4E239F2FA4743C,
    ]


def test_family_is_what_it_says() -> None:
    """Every row is min over a·x + b mod 2⁶⁴; a band key mixes its rows."""

    def mix(x: int) -> int:
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        x = (x ^ x >> 27) * 0x94D049BB133111EB & _MASK
        return x ^ x >> 31

    hashes = shingles(_TEXT, 3)
    a, b = (v.tolist() for v in module._family(6, 9))
    assert all(v % 2 for v in a)
    keys = []
    for band in range(2):
        key = 0
        for row in range(3):
            i = band * 3 + row
            low = min((a[i] * x + b[i]) & _MASK for x in hashes.tolist())
            key = mix((key * 0x9E3779B97F4A7C15 + low) & _MASK)
        keys.append(key)
    assert signature(hashes, 2, 3, 9).tolist() == keys


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_blocks_do_not_change_the_result(monkeypatch, block: int) -> None:
    hashes = np.random.default_rng(0).integers(0, 1 << 64, 50, dtype=np.uint64)
    expected = signature(hashes, 14, 8, 1)
    monkeypatch.setattr(module, "_BLOCK", block)
    assert np.array_equal(signature(hashes, 14, 8, 1), expected)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, _MASK), min_size=1, max_size=40), st.randoms())
def test_order_of_shingles_does_not_matter(values: list[int], random) -> None:
    shuffled = values[:]
    random.shuffle(shuffled)
    one, two = (np.array(v, np.uint64) for v in (values, shuffled))
    assert np.array_equal(signature(one, 4, 2, 1), signature(two, 4, 2, 1))


def test_seeds_of_any_size_give_different_families() -> None:
    hashes = shingles(_TEXT, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = {tuple(signature(hashes, 2, 2, s).tolist()) for s in (0, 1, 2, 3, 2**64 + 5, 9**99)}
    assert len(found) == 6


def test_shingles_are_a_sorted_set() -> None:
    hashes = shingles("a b c a b c a b c", 3)
    assert len(hashes) == 3
    assert np.all(hashes[1:] > hashes[:-1])


def test_shingles_see_order_within_but_not_of_ngrams() -> None:
    assert np.array_equal(shingles("a b c x a b d", 1), shingles("d b a x c", 1))
    assert not np.array_equal(shingles("a b", 2), shingles("b a", 2))
    # two texts whose bigrams are the same set in another order
    assert np.array_equal(shingles("a b a c a", 2), shingles("a c a b a", 2))


def test_shingles_ignore_what_simplify_ignores() -> None:
    assert np.array_equal(shingles("Café costs 12, or 99!", 2), shingles("cafe COSTS 7 or 8", 2))


@pytest.mark.parametrize("text", ["", "one two three four", "?!...", "\0", "\ud800", " \n "])
def test_texts_shorter_than_an_ngram_have_no_shingles(text: str) -> None:
    assert shingles(text, 5).tolist() == []


def test_exactly_one_ngram() -> None:
    assert len(shingles("one two three four five", 5)) == 1


def test_huge_line() -> None:
    assert len(shingles("word " * 200_000, 5)) == 1
    assert len(shingles("x" * 2_000_000, 1)) == 1
