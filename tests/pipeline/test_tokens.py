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
    cold_one.__dict__.update(tokenizer().__dict__, _memo={}, _effects={}, _places={})
    cold = cold_one.words(text), cold_one.count_sentences([text])
    warm = cold_one.words(text), cold_one.count_sentences([text])
    assert cold == warm == (tokenizer().words(text), tokenizer().count_sentences([text]))
    found = cold_one.sentence_starts([text])
    assert found == cold_one.sentence_starts([text]) == tokenizer().sentence_starts([text])


def test_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMO_CHUNKS", 10)
    for i in range(40):
        assert tokenizer().words(f"bounded{i} memo{i}") == (f"bounded{i}", f"memo{i}")
        assert tokenizer().count_sentences([f"bounded{i}. memo{i}! A"]) == 3
        assert len(tokenizer()._memo) <= 10
        assert len(tokenizer()._effects) <= 10
    assert tokenizer().words("y" * 41) == ("y" * 41,)
    assert tokenizer().count_sentences(["y" * 41 + ". A"]) == 2
    assert tokenizer().sentence_starts(["y" * 41 + ". A"]) == [[0, 43]]
    assert max(map(len, [*tokenizer()._memo, *tokenizer()._effects])) < 41


def test_a_text_with_the_usual_glue_in_it_leaves_no_trace() -> None:
    odd, usual = f"mill :{GLUE}) wheel", "mill : ) wheel"
    expected = [
        [t.text for t in spacy.blank("en")(text) if not t.is_space] for text in (odd, usual)
    ]
    for order in ((odd, usual, odd), (usual, odd, usual)):
        fresh = Tokenizer()
        for text in order:
            assert list(fresh.words(text)) == expected[text == usual]
