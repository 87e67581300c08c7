"""Words and n-grams: what counts as the same, and hashes that depend on nothing else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from gristmill.filters import eval_words
from gristmill.filters.eval_words import hashed, windows, words


def test_what_changes_on_the_way_to_the_web_does_not_count() -> None:
    assert words("Crème «brûlée», 1,5 L!") == words("creme   brulee\n2 l") == [
        "creme", "brulee", "0", "l",
    ]  # fmt: skip
    assert words("") == words(" \n!?") == []


def test_scripts_without_spaces_give_a_word_for_each_character() -> None:
    assert words("東京は大きい。Go 1.19 ok") == [*"東京は大きい", "go", "0", "ok"]
    assert words("ไทย") == [*"ไทย"]
    assert words("добрый день") == ["добрыи", "день"]


@given(before=texts, item=texts, after=texts)
def test_words_do_not_depend_on_what_stands_around(before: str, item: str, after: str) -> None:
    assert words(f"{before} {item} {after}") == words(before) + words(item) + words(after)


@given(st.lists(st.sampled_from("abc"), max_size=20), st.integers(1, 5))
def test_windows_tell_ngrams_apart(tokens: list[str], longest: int) -> None:
    for n, grams in windows(hashed(tokens), longest):
        own = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
        assert len(grams) == len(own)
        assert len({*zip(own, grams.tolist(), strict=True)}) == len({*own}) == len({*grams})


def test_the_memory_of_words_is_bounded_and_changes_nothing(monkeypatch) -> None:
    tokens = [f"w{i % 70}" for i in range(500)]
    first = hashed(tokens)
    monkeypatch.setattr(eval_words, "_KNOWN_WORDS", 50)
    hashed(["none of these before"])
    assert np.array_equal(hashed(tokens), first)
    assert len(eval_words._hashes) <= 50
    assert hashed(["\ud800"]).shape == (1,)
