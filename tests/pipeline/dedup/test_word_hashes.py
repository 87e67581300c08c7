"""Hashes of words and characters."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gristmill.pipeline.dedup import word_hashes as module
from gristmill.pipeline.dedup.word_hashes import LONGEST_WORD, character_hashes, word_hashes
from gristmill.pipeline.text import simplify


def by_text(hashes: np.ndarray, counts: np.ndarray) -> list[list[int]]:
    assert counts.sum() == len(hashes)
    return [part.tolist() for part in np.split(hashes, np.cumsum(counts)[:-1])]


@given(st.lists(st.text("abcz é,1.\n", max_size=12), min_size=1, max_size=5))
@example(["ab ba", "ba ab", "aab", "aba", "baa", "a b", "ab", "aa", "a"])
def test_words_are_equal_where_their_hashes_are(texts: list[str]) -> None:
    found = by_text(*word_hashes(texts))
    words = [simplify(text).split() for text in texts]
    assert list(map(len, found)) == list(map(len, words))
    pairs = {pair for ws, hs in zip(words, found, strict=True) for pair in zip(ws, hs, strict=True)}
    assert len(pairs) == len({w for w, _ in pairs}) == len({h for _, h in pairs})


@given(st.lists(st.text(max_size=40), max_size=6))
def test_neighbours_do_not_matter(texts: list[str]) -> None:
    together, counts = word_hashes(texts)
    alone = [word_hashes([text])[0].tolist() for text in texts]
    assert [n for text in alone for n in text] == together.tolist()
    assert counts.tolist() == list(map(len, alone))


def test_letters_of_scripts_without_spaces_are_words() -> None:
    texts = ["水车 mill磨2坊", "水 车 mill 磨 0 坊", "ทะเล", "カナ"]
    found = by_text(*word_hashes(texts))
    assert found[0] == found[1]
    assert list(map(len, found)) == [6, 6, 4, 2]


@pytest.mark.parametrize("block", [1, 7, 300])
def test_blocks_change_nothing(monkeypatch, block: int) -> None:
    texts = ["the mill grinds " * 20, "x" * 700, "", "é" * 300 + " end"]
    expected = word_hashes(texts)[0].tolist()
    monkeypatch.setattr(module, "_BLOCK", block)
    module._powers.cache_clear()
    assert word_hashes(texts)[0].tolist() == expected
    module._powers.cache_clear()


def test_endless_words_are_cut() -> None:
    n = LONGEST_WORD
    _, counts = word_hashes(["x" * n, "x" * (n + 1), "x" * (3 * n) + " y", "中" * (2 * n)])
    assert counts.tolist() == [1, 2, 4, 2 * n]
    (hashes,) = by_text(*word_hashes(["x" * (2 * n + 1)]))
    assert hashes == by_text(*word_hashes([" ".join(["x" * n, "x" * n, "x"])]))[0]


def test_no_texts() -> None:
    for hash_units in (word_hashes, character_hashes):
        hashes, counts = hash_units([])
        assert len(hashes) == len(counts) == 0


def test_characters_without_spaces() -> None:
    found = by_text(*character_hashes(["磨 坊,磨", "", "AB", "a b"]))
    assert list(map(len, found)) == [3, 0, 2, 2]
    assert found[0][0] == found[0][2] != found[0][1]
    assert found[2] == found[3]


def test_surrogates_are_characters_like_others() -> None:
    assert character_hashes(["\ud800\0a"])[1].tolist() == [2]
    assert word_hashes(["a \ud800 b"])[1].tolist() == [3]
