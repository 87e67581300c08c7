"""What is answered without spaCy is what spaCy says."""

import gzip
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.pipeline.tokens import tokenizer

WORDS = [
    *("mill", "Mill", "MILL", "mILL", "km", "GB", "pm", "am", "uS", "ab", "xX", "vs", "eg", "ie"),
    *("NOT", "hte", "http", "www", "x", "D", "P", "O", "o", "8", "10", "1,000", "3.14", "12:30"),
    *("café", "Ünder", "ça", "ÿ", "can", "dont", "don't", "it's", "it’s", "I’m", "ma'am", "rock'n"),
    *("a1", "B2", "9km", "9th", "1980s", "0x1f", "x_1", "Jan", "Mt", "no", "co", "St", "us", "U"),
]
BEFORE = ["", "", "", *"([\"“‘'$£€#", "((", '("', "''", "$(", "#'"]
AFTER = [
    "",
    "",
    "",
    *",;:!?)]\"”’'.",
    "),",
    ".)",
    '."',
    ".”",
    "'s",
    "’s.",
    "'S)",
    "..",
    ")).",
    "!?",
]
LINKS = ["-", "-", "–", "—", "/", "'", "’", ".", ",", ":", "_"]


@lru_cache(maxsize=1)
def _english() -> Any:
    return spacy.blank("en")


def check(chunks: Iterable[str]) -> int:
    """Compare the regular ones with spaCy; return how many there were."""
    ours = {c: found for c in chunks if (found := tokenizer()._regular.tokens(c)) is not None}
    theirs: list[list[str]] = [[]]
    for token in _english()("\n".join(ours)):
        if token.text == "\n":
            theirs.append([])
        else:
            theirs[-1].append(token.text)
    for (chunk, found), expected in zip(ours.items(), theirs, strict=bool(ours)):
        assert list(found) == expected, chunk
    return len(ours)


def test_every_special_case_and_what_may_stand_around_it() -> None:
    rules = _english().tokenizer.rules
    cases = {rule + mark for rule in rules for mark in AFTER}
    bare = {rule.strip(".,") for rule in rules}
    cases |= {before + rule + mark for rule in bare for mark in AFTER for before in ("", "(", "'")}
    assert check(cases) > 1000


def test_words_with_all_that_may_stand_around_them() -> None:
    cases = {b + w + a for b in BEFORE for w in WORDS for a in AFTER}
    cases |= {a + link + b + m for a in WORDS for b in WORDS for link in LINKS for m in ("", ".")}
    assert check(cases) > 10_000


PIECES = st.sampled_from(BEFORE + WORDS + LINKS + AFTER)
MIXTURES = st.lists(PIECES, min_size=1, max_size=7).map("".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(MIXTURES, min_size=20, max_size=40))
def test_any_mixture(chunks: list[str]) -> None:
    check(dict.fromkeys(chunks))


@pytest.mark.parametrize(
    "chunk",
    [
        *("cannot", "gonna,", "a.m.", "3km", "don't", "(don't", "ab..", "x:)", "9km/s", "and/or"),
        *("日本", "a@b.com", "a.com", "it's-me", "ab!!!!"),
    ],
)
def test_spacy_is_asked(chunk: str) -> None:
    assert tokenizer()._regular.tokens(chunk) is None


@pytest.mark.real_data
def test_chunks_of_real_pages(shared_data: Path) -> None:
    chunks: set[str] = set()
    with gzip.open(shared_data / "gold.jsonl.gz", "rt", encoding="utf-8") as file:
        for i, line in enumerate(file):
            if i % 10 == 0:
                chunks |= set(re.sub(r"<[^>]*>", " ", json.loads(line)["html"]).split())
    sample = sorted(chunks)[::4]
    assert check(sample) > 5000
