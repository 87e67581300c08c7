import gzip
import json
import sys
from pathlib import Path

import pytest
import strategies
from datatrove.utils.text import (
    PUNCTUATION_SET,
    simplify_text,
    split_into_sentences,
    split_into_words,
)
from datatrove.utils.text import TERMINAL_PUNCTUATION as THEIR_TERMINAL
from datatrove.utils.word_tokenizers import load_word_tokenizer
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gristmill.pipeline.text import (
    LONGEST_CHUNK,
    PUNCTUATION,
    TERMINAL_PUNCTUATION,
    sentence_count,
    sentence_starts,
    sentences_in_lines,
    simplify,
    words,
)
from gristmill.pipeline.tokens import GLUE

GOLD = Path(__file__).resolve().parents[3] / "shared/data/gold.jsonl.gz"

# Pieces that meet in spaCy's special cases, with every kind of gap between them.
PIECES = [
    *("a", "b.", "x:", "8", "D", "C.", "z", "_", "°", "don't", "e.g.", "it", "'s", "I’m", "co"),
    *(".", ":", ")", "(", "-", "'", "!", "…", "。", '"', "<", "3", "O", "vs", "/", "¯\\(ツ)/¯"),
    *(" ", " ", " ", "  ", "\n", "\t", "\u00a0", "\x1c", "\u3000", " \n", "\r\n", GLUE, "\u200b"),
    *("http://a.com/x.", "10km", "日本語", "é", "x" * 60),
]
pieces = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def test_punctuation_is_datatroves():
    assert PUNCTUATION == PUNCTUATION_SET
    assert TERMINAL_PUNCTUATION == THEIR_TERMINAL


@settings(max_examples=400, deadline=None)
@given(pieces | st.text(max_size=60))
@example("x:) )")  # a special case that reaches over a space shadows one inside the chunk
@example("Hello.  ")
@example("")
def test_words_and_sentences_are_datatroves(text):
    assume("IS_ALPHA" not in text)  # see test_hostile_text
    assume(max(map(len, text.split()), default=0) <= LONGEST_CHUNK)  # see test_long_chunks_are_cut
    assert list(words(text)) == split_into_words(text)
    assert sentence_count(text) == len(split_into_sentences(text))


@strategies.searching
@given(strategies.texts)
def test_odd_texts_as_datatrove(text):
    assume(max(map(len, text.split()), default=0) <= LONGEST_CHUNK)  # see test_long_chunks_are_cut
    assert list(words(text)) == split_into_words(text)
    assert sentence_count(text) == len(split_into_sentences(text))
    for line in text.splitlines():  # as C4 asks
        assert sentence_count(line.strip()) == len(split_into_sentences(line.strip()))
    assert simplify(text) == simplify_text(text)


@settings(max_examples=400, deadline=None)
@given(pieces | st.text(max_size=60))
@example("Ünïcode, 3.14 und 1,000 \u0301 ٣٫١٤")
@example("\U00011f50\U00011f51 \u00b4")
def test_simplify_is_datatroves(text):
    assert simplify(text) == simplify_text(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(pieces.map(lambda text: text.replace("\n", "\t")), max_size=5))
def test_sentences_of_lines_are_those_of_each(lines):
    assert sentences_in_lines(lines) == sum(map(sentence_count, lines))


@settings(max_examples=200, deadline=None)
@given(st.lists(pieces.map(lambda text: text.replace("\n", "\t")), max_size=5))
@example(["a.  B", "Yes. :) No", "(One.) Two", "x" * 300 + ". Yes. No", "IS_ALPHA. Yes"])
def test_sentences_begin_where_spacys_do(lines):
    tokenizer = load_word_tokenizer("en")
    found = sentence_starts(lines)
    assert [len(starts) for starts in found] == [sentence_count(line) for line in lines]
    for line, starts in zip(lines, found, strict=True):
        assert starts == sorted(set(starts))
        assert starts[0] == 0
        if "IS_ALPHA" not in line and max(map(len, line.split()), default=0) <= LONGEST_CHUNK:
            with tokenizer.tokenizer.memory_zone():
                tokens = tokenizer.tokenizer(line)
                assert starts == ([t.idx for t in tokens if t.is_sent_start] or [0])


def test_sentences_of_endless_chunks():
    line = "1:" * 20_000 + ". Yes! No."
    assert sentence_starts([line, "It is. B"]) == [[0, 40_002, 40_007], [0, 7]]
    assert sentence_starts([]) == []


def test_simplify_many_different_marks():
    marks = "".join(map(chr, range(0x300, 0x36F)))
    assert simplify(f"a{marks}b") == simplify_text(f"a{marks}b") == "ab"


def test_hostile_text():
    for _ in range(3):  # a name that spaCy trips over, now and then
        assert words("an IS_ALPHA token") == ("an", "token")
    assert words("a\ud800b c")[-1] == "c"
    assert sentence_count("\ud800.") == 1
    assert words("a\x00b. c") == tuple(split_into_words("a\x00b. c"))
    long = "word. " * 30_000
    assert len(words(long)) == 60_000


def test_long_chunks_are_cut():
    """In one piece, spaCy would need minutes for these."""
    for chunk in ("1:" * 10_000, "'s" * 10_000, "x" * 20_000):
        found = words(f"a {chunk} b")
        assert "".join(found) == f"a{chunk}b"
        assert max(map(len, found)) <= LONGEST_CHUNK
    fits = "1:" * (LONGEST_CHUNK // 2)
    assert words(fits) == tuple(split_into_words(fits))


def test_what_a_cut_leaves_is_not_cut_again():
    assert "IS_ALPHA" not in " ".join(words("IS_AIS_ALPHALPHA"))


def test_importing_does_not_import_spacy():
    import subprocess

    code = "import sys, gristmill.pipeline.text; sys.exit('spacy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.real_data
def test_real_pages():
    if not GOLD.is_file():
        pytest.skip(f"no real pages at {GOLD}")
    with gzip.open(GOLD, "rt", encoding="utf-8") as file:
        for _, line in zip(range(120), file, strict=False):
            text = json.loads(line)["gold_text"][:6000]
            assert list(words(text)) == split_into_words(text)
            assert sentence_count(text) == len(split_into_sentences(text))
            assert simplify(text) == simplify_text(text)


@pytest.mark.parametrize("run", ["(", ")", "=", "*", "_", "!", "😀", "“", "$"])
def test_a_long_run_of_one_symbol_gives_their_words(run: str) -> None:
    text = f"before {run * 300} after"
    assert list(words(text)) == split_into_words(text)


@pytest.mark.parametrize("run", ["(", "'", "(!", "😀", "…"])
def test_endless_runs_of_symbols_are_cut(run: str) -> None:
    """Uncut, spaCy takes minutes for this; the number of pieces shows that they were cut."""
    pieces = words(f"before {run * 100_000} after")
    assert pieces[0] == "before"
    assert pieces[-1] == "after"
    assert len(pieces) > 3_000
