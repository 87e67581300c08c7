"""Counting words by arrays, against the project's plain rule."""

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.pipeline.word_languages import UNSPACED, plain_splitter
from gristmill.tokenize.word_count import count_words

LETTERS = (
    "ab1_ .,\n\u0301\u0e01\u0e33\u0e34\u0e48\u6c34\u3042\uac00\u1100\u093f\u0915\u200d\ud83d🙂"
)


def is_word(token: str) -> bool:
    marks = [c for c in token if unicodedata.category(c)[0] == "M" or c in "\u200c\u200d"]
    return bool(marks) or token.isalnum() or re.match(f"[{UNSPACED}]", token) is not None


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("", 0),
        ("The miller doesn't sleep.", 5),  # doesn, t
        ("물레방아가 돌면", 2),
        ("水車は粉を挽く。", 7),
        ("น้ำ", 2),  # two letters of a script without spaces, with their marks
        ("3.14 % of x_1", 5),
        ("हिन्दी में", 2),
        ("\ud800", 0),
    ],
)
def test_examples(text: str, n: int) -> None:
    assert count_words(text) == n


@settings(deadline=None)  # the first call builds tables
@given(st.text(st.sampled_from(LETTERS)) | st.text())
def test_it_is_the_plain_rule_without_punctuation(text: str) -> None:
    text = text.encode(errors="replace").decode()
    assert count_words(text) == sum(map(is_word, plain_splitter().words(text)))
