"""Hashes of words and characters."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.pipeline.dedup import word_hashes as module
from gristmill.pipeline.dedup.word_hashes import WordHashes, character_hashes
from gristmill.pipeline.text import simplify, words

_TEXTS = ["The mill grinds slowly.", "", "Don't grind 12,5 sacks!", " \n ", "the MILL grinds"]


def _by_text(hashes: np.ndarray, counts: np.ndarray) -> list[list[int]]:
    return [part.tolist() for part in np.split(hashes, np.cumsum(counts)[:-1])]


def test_equal_words_have_equal_hashes() -> None:
    found = _by_text(*WordHashes("en")(_TEXTS))
    assert found[4] == found[0][:3]
    assert found[1] == found[3] == []
    assert len(set(found[0])) == 4


@pytest.mark.parametrize("language", ["en", "de", "zh", "xx"])
def test_as_many_as_the_simplified_text_has_words(language: str) -> None:
    texts = [*_TEXTS, "Größe 3 km", "磨坊慢慢地磨。水车", "don\u2019t x", "a\u0301 \u0301 b"]
    _, counts = WordHashes(language)(texts)
    assert counts.tolist() == [len(words(simplify(text), language)) for text in texts]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=6))
def test_the_memory_changes_nothing(texts: list[str]) -> None:
    one = WordHashes("en")
    together, counts = one(texts)
    alone = [one([text])[0].tolist() for text in texts]
    assert [n for text in alone for n in text] == together.tolist()
    assert counts.tolist() == [len(text) for text in alone]
    assert one(texts)[0].tolist() == WordHashes("en")(texts)[0].tolist()


def test_a_full_memory_is_left_behind(monkeypatch) -> None:
    texts = [f"word{i} other{i % 7}" for i in range(100)]
    expected = WordHashes("en")(texts)[0].tolist()
    for name in ("_MAX_CHUNKS", "_MAX_CHARACTERS"):
        monkeypatch.setattr(module, name, 5)
        small = WordHashes("en")
        assert [n for text in texts for n in small([text])[0].tolist()] == expected
        assert len(small._numbers) <= 7


def test_the_glue_of_the_tokenizer_is_a_space_here() -> None:
    assert WordHashes("en")(["\ue000", "a\ue000b \ue000 \ue000c"])[1].tolist() == [0, 3]


def test_no_texts() -> None:
    hashes, counts = WordHashes("en")([])
    assert len(hashes) == len(counts) == 0
    assert len(character_hashes([])[0]) == 0


def test_characters_without_spaces() -> None:
    hashes, counts = character_hashes(["磨 坊,磨", "", "AB", "a b"])
    assert counts.tolist() == [3, 0, 2, 2]
    found = _by_text(hashes, counts)
    assert found[0][0] == found[0][2] != found[0][1]
    assert found[2] == found[3]


def test_surrogates_and_nul_are_characters_like_others() -> None:
    assert character_hashes(["\ud800\0a"])[1].tolist() == [2]
    assert WordHashes("en")(["a \ud800 b"])[1].tolist() == [3]
