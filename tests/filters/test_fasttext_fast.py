"""The same scores as fastText's own runtime, bit for bit."""

import fasttext
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters import fasttext_fast, language
from gristmill.filters.fasttext_fast import FastScorer, plain, serves
from gristmill.filters.fasttext_file import read_dictionary

WORDS = [
    *(
        "The",
        "river",
        "and",
        "der",
        "Fluss,",
        "東京は大きい",
        "мельница",
        "меле",
        "зерно",
        "😀",
        "a",
    ),
    *(
        "a",
        "é",
        "l'eau",
        "ἄνθρωπος",
        "de",
        "la",
        "in",
        "ٱلْكِتَاب",
        "</s>",
        "__label__en",
        "<>",
        "<",
        ">",
    ),
    *("\x00", "\x0b", "\x85", "\u3000"),
]
texts = st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=15).map(" ".join)


def truth(runtime, text: bytes, above: float) -> dict[str, float]:
    labels, scores = runtime.predict(text.decode().replace("\n", " "), k=-1)
    every = {n.removeprefix("__label__"): s for n, s in zip(labels, scores, strict=True)}
    return {n: s for n, s in every.items() if s > above or s == max(every.values())}


@pytest.fixture(scope="module")
def lid():
    path = language._builtin()
    return FastScorer(path, read_dictionary(path)), fasttext.load_model(str(path))


@settings(max_examples=150, deadline=None)
@given(st.lists(texts, max_size=4), st.sampled_from([0.0001, 0.01, 0.05, 0.5, 0.999]))
def test_lid176_bit_for_bit(lid, many, above):
    fast, runtime = lid
    lines = [t.encode(errors="replace") for t in many]
    lines = [line for line in lines if plain(line)]
    for line, found in zip(lines, fast.scores(lines, above), strict=True):
        assert dict(found) == truth(runtime, line, above)
        assert [s for _, s in found] == sorted((s for _, s in found), reverse=True)


def test_real_pages_bit_for_bit(lid, gold):
    fast, runtime = lid
    lines = [page["text"].encode(errors="replace") for page in gold[:100]]
    for line, found in zip(lines, fast.scores(lines, 0.01), strict=True):
        assert dict(found) == truth(runtime, line, 0.01)


@pytest.mark.parametrize("chars", [(2, 4), (3, 3), (2, 6)])
def test_a_model_that_is_not_pruned(tiny_fasttext, chars):
    path = tiny_fasttext([f"l{i}" for i in range(9)], ["river", "der"], chars=chars)
    fast, runtime = FastScorer(path, read_dictionary(path)), fasttext.load_model(str(path))
    lines = [w.encode() for w in (*WORDS, " ".join(WORDS[:12]), "") if plain(w.encode())]
    for line, found in zip(lines, fast.scores(lines, 0.05), strict=True):
        assert dict(found) == truth(runtime, line, 0.05)


def test_what_is_remembered_changes_nothing(lid, monkeypatch):
    fast, _ = lid
    lines = [w.encode() for w in WORDS if plain(w.encode())]
    warm = fast.scores(lines, 0.01)
    monkeypatch.setattr(fasttext_fast, "_MEMO_WORDS", 3)
    for _ in range(3):
        assert fast.scores(lines, 0.01) == warm
    assert len(fast._memo) < len(lines) + 3


def test_which_models_are_served(tiny_fasttext):
    def served(**kind) -> bool:
        return serves(read_dictionary(tiny_fasttext(["a", "b"], [], **kind)))

    assert served()
    assert not served(loss=3)
    assert not served(word_ngrams=2)
    assert not served(chars=(0, 0))
    assert not served(chars=(1, 3))


def test_marks_of_fasttext_are_not_plain():
    assert plain(b"a mill </ s>")
    assert not plain(b"a </s> b")
    assert not plain(b"__label__en")
