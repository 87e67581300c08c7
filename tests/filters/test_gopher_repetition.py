import pytest
import strategies
from datatrove.pipeline.filters import GopherRepetitionFilter
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters.gopher_repetition import _USUAL, GopherRepetition

RULES = GopherRepetition.model_fields.keys() - {"language"}
OFF = dict.fromkeys(RULES)
# Few different words, with and without gaps, so that n-grams repeat and join to equal letters.
TOKENS = ["a", "b", "ab", "ba", "c", "word", "two words", "日本", "."]
texts = st.lists(
    st.sampled_from([*TOKENS, "\n", "\n\n", "\n\n\n"]) | st.text(max_size=4), max_size=60
).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(texts)
def test_same_verdict_as_datatrove(oracle, ours, text):
    assert ours(GopherRepetition(), [text])[0][0] == oracle(GopherRepetitionFilter(), text)[0]


@settings(max_examples=150, deadline=None)
@given(texts, st.sampled_from([5, 6, 7, 8, 9, 10]), st.floats(0.01, 0.9))
def test_each_ngram_rule_alone(oracle, ours, text, n, limit):
    theirs = GopherRepetitionFilter(None, None, None, None, (), ((n, limit),))
    stage = GopherRepetition(**{**OFF, f"dup_{n}_gram": limit})
    assert ours(stage, [text])[0][0] == oracle(theirs, text)[0]


@settings(max_examples=150, deadline=None)
@given(texts, st.sampled_from([2, 3, 4]), st.floats(0.01, 0.9))
def test_each_top_rule_alone(oracle, ours, text, n, limit):
    theirs = GopherRepetitionFilter(None, None, None, None, ((n, limit),), ())
    stage = GopherRepetition(**{**OFF, f"top_{n}_gram": limit})
    assert ours(stage, [text])[0][0] == oracle(theirs, text)[0]


@strategies.searching
@given(strategies.texts, st.booleans())
def test_odd_texts_as_datatrove(oracle, ours, text, words_only):
    off = dict.fromkeys(["dup_line_frac", "dup_para_frac"]) if words_only else {}
    off |= dict.fromkeys(["dup_line_char_frac", "dup_para_char_frac"]) if words_only else {}
    theirs = oracle(GopherRepetitionFilter(**off), text)[0]
    assert ours(GopherRepetition(**off), [text])[0][0] == theirs


def test_edges(ours):
    text = "same\n\nsame\n\nother\n\nlast"  # 1 of 4 paragraphs, 4 of 22 characters
    on = {**OFF, "dup_para_frac": 0.25}
    assert ours(GopherRepetition(**on), [text])[0][0] is None  # not above
    on = {**OFF, "dup_para_frac": 0.249}
    assert ours(GopherRepetition(**on), [text])[0][0] == "dup_para_frac"
    on = {**OFF, "dup_line_char_frac": 4 / len(text)}
    assert ours(GopherRepetition(**on), [text])[0][0] is None
    on = {**OFF, "dup_line_char_frac": 4 / len(text) - 1e-9}
    assert ours(GopherRepetition(**on), [text])[0][0] == "dup_line_char_frac"


def test_a_limit_of_zero_is_a_limit_where_theirs_is_off(oracle, ours):
    """A listed difference (docs/parity.md): ``null`` switches a rule off here."""
    text = "same\nsame\nother"
    theirs = GopherRepetitionFilter(0, None, None, None, (), ())
    assert oracle(theirs, text)[0] is None
    assert ours(GopherRepetition(**{**OFF, "dup_line_frac": 0}), [text])[0][0] == "dup_line_frac"
    assert ours(GopherRepetition(**OFF), [text])[0][0] is None


def test_ngrams_joined_without_space_are_compared_by_letters(columns):
    # "ab c d e f" and "a bc d e f" join to the same letters.
    row = columns(GopherRepetition(), ["ab c d e f ; a bc d e f"])
    assert row["gopher.dup_5_gram"] == [6 / 23]


def test_empty_and_null(ours, columns):
    assert [v[0] for v in ours(GopherRepetition(), ["", None])] == ["empty", "empty"]
    row = columns(GopherRepetition(), ["", "one"])
    assert row["gopher.top_2_gram"] == [None, None]
    assert row["gopher.dup_5_gram"] == [None, 0.0]
    assert columns(GopherRepetition(), [])["gopher.chars"] == []


def test_signals_are_measured_for_rejected_texts_too(columns):
    row = columns(GopherRepetition(), ["spam\n" * 30])
    assert all(row[name][0] is not None for name in GopherRepetition.needs)


def test_reasons_cover_all_rules():
    assert len(GopherRepetition().reasons()) == 1 + len(RULES)
    with pytest.raises(ValueError, match="less than or equal"):
        GopherRepetition(top_2_gram=2)


@pytest.mark.real_data
def test_real_pages(oracle, ours, gold):
    texts = [page["text"] for page in gold[:70]]
    theirs = [oracle(GopherRepetitionFilter(), text)[0] for text in texts]
    assert [v[0] for v in ours(GopherRepetition(), texts)] == theirs
    assert len(set(theirs)) > 2


@pytest.mark.parametrize("limit", [0.24, 0.26])
def test_a_text_longer_than_the_powers_that_are_kept(oracle, ours, limit):
    once = " ".join(f"word{i}" for i in range(9000))
    again = once[: len(once) // 3]
    text = f"{once} {again}"
    assert len(text) > _USUAL
    theirs = GopherRepetitionFilter(None, None, None, None, (), ((5, limit),))
    stage = GopherRepetition(**{**OFF, "dup_5_gram": limit})
    verdict = ours(stage, [text])[0][0]
    assert verdict == oracle(theirs, text)[0]
