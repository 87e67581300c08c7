import gzip
import json
import re
from pathlib import Path

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.pipeline import tokens as module
from gristmill.pipeline.tokens import GLUE, Tokenizer, tokenizer

PIECES = [
    *(
        "mill",
        "b.",
        "x:",
        "8",
        "C.",
        "etc.",
        "don't",
        "e.g.",
        "it",
        "'s",
        "cannot,",
        "gonna!",
        "co.",
    ),
    *(
        ":",
        ")",
        "(",
        "-",
        "!",
        "…",
        "Mr.",
        "NASA,",
        "no.",
        "USA.",
        "am.",
        "Wheel?",
        "vs",
        "/",
        "ok;",
    ),
    *(" ", " ", " ", "  ", "\r", "\u00a0", "\u3000", GLUE, "10km", "日本語", "é", "x" * 60),
]
pieces = st.lists(st.sampled_from(PIECES), max_size=14).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(pieces)
def test_memo_does_not_change_the_answer(text: str) -> None:
    cold_one = Tokenizer.__new__(Tokenizer)
    cold_one.__dict__.update(tokenizer().__dict__, _tokens={}, _effects={})
    cold = cold_one.words(text), cold_one.count_sentences([text])
    warm = cold_one.words(text), cold_one.count_sentences([text])
    assert cold == warm == (tokenizer().words(text), tokenizer().count_sentences([text]))


def test_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMO_CHUNKS", 10)
    for i in range(40):
        assert tokenizer().words(f"bounded{i} memo{i}") == (f"bounded{i}", f"memo{i}")
        assert len(tokenizer()._tokens) <= 10
    assert tokenizer().words("y" * 41) == ("y" * 41,)
    assert "y" * 41 not in tokenizer()._tokens


def check_regular(chunks: set[str]) -> int:
    """Compare what is answered without spaCy with what spaCy says; return how many there were."""
    regular = sorted(c for c in chunks if tokenizer()._regular(c) is not None)
    doc = spacy.blank("en")("\n".join(regular))
    lines: list[list[str]] = [[]]
    for token in doc:
        if token.text == "\n":
            lines.append([])
        else:
            lines[-1].append(token.text)
    for chunk, theirs in zip(regular, lines, strict=True):
        ours, effect = tokenizer()._regular(chunk) or ((), None)
        assert list(ours) == theirs
        assert tokenizer()._tokenize([chunk], GLUE)[chunk] == (ours, effect)
    return len(regular)


def test_regular_chunks_are_spacys() -> None:
    rules = spacy.blank("en").tokenizer.rules
    cases = {rule + mark for rule in rules for mark in ("", *",;:!?.")}
    cases |= {rule.strip(".,") + mark for rule in rules for mark in ("", *",;:!?.")}
    words = [
        "mill",
        "Mill",
        "MILL",
        "mILL",
        "km",
        "GB",
        "pm",
        "am",
        "uS",
        "ab",
        "xX",
        "vs",
        "eg",
        "ie",
        "NOT",
        "hte",
        "http",
        "www",
    ]
    assert check_regular(cases | {w + m for w in words for m in ("", *",;:!?.")}) > 300
    for chunk in (
        "cannot",
        "gonna,",
        "a.m.",
        "3km",
        "USA.",
        "don't",
        "x",
        "a,",
        "é",
        "ab..",
    ):
        assert tokenizer()._regular(chunk) is None


@pytest.mark.real_data
def test_regular_chunks_of_real_pages_are_spacys(shared_data: Path) -> None:
    chunks: set[str] = set()
    with gzip.open(shared_data / "gold.jsonl.gz", "rt", encoding="utf-8") as file:
        for i, line in enumerate(file):
            if i % 10 == 0:
                chunks |= set(re.sub(r"<[^>]*>", " ", json.loads(line)["html"]).split())
    sample = set(sorted(chunks)[::4])
    assert check_regular(sample) > 3000


def test_a_text_with_the_usual_glue_in_it_leaves_no_trace() -> None:
    odd, usual = f"mill :{GLUE}) wheel", "mill : ) wheel"
    expected = [
        [t.text for t in spacy.blank("en")(text) if not t.is_space] for text in (odd, usual)
    ]
    for order in ((odd, usual, odd), (usual, odd, usual)):
        fresh = Tokenizer()
        for text in order:
            assert list(fresh.words(text)) == expected[text == usual]
