import pytest
import strategies
from datatrove.pipeline.filters import FineWebQualityFilter
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters.fineweb import FinewebQuality

OFF = dict.fromkeys(("min_line_punct", "max_short_lines", "max_char_dup", "max_newlines_per_word"))
texts = st.lists(
    st.sampled_from(
        ["A line that is longer than thirty characters.", "short", "short.", " ", "", "。", "q?"]
    )
    | st.text(max_size=40),
    max_size=15,
).map("\n".join)


@settings(max_examples=300, deadline=None)
@given(texts, st.booleans())
def test_same_verdict_as_datatrove(oracle, ours, text, zero):
    theirs = FineWebQualityFilter(line_punct_exclude_zero=zero)
    stage = FinewebQuality(keep_no_line_punct=zero)
    assert ours(stage, [text])[0][0] == oracle(theirs, text)[0]


@settings(max_examples=150, deadline=None)
@given(texts, st.floats(0, 1))
def test_later_rules_as_datatrove(oracle, ours, text, limit):
    theirs = FineWebQualityFilter(
        line_punct_thr=0, short_line_thr=limit, char_duplicates_ratio=limit, new_line_ratio=limit
    )
    stage = FinewebQuality(
        min_line_punct=None,
        max_short_lines=limit,
        max_char_dup=limit,
        max_newlines_per_word=limit,
    )
    assert ours(stage, [text])[0][0] == oracle(theirs, text)[0]


@strategies.searching
@given(strategies.texts, st.sampled_from([0.12, 0]), st.sampled_from([0.01, 1]))
def test_odd_texts_as_datatrove(oracle, ours, text, punct, repeated):
    theirs = FineWebQualityFilter(line_punct_thr=punct, char_duplicates_ratio=repeated)
    stage = FinewebQuality(min_line_punct=punct, max_char_dup=repeated)
    assert ours(stage, [text])[0][0] == oracle(theirs, text)[0]


@pytest.mark.parametrize(
    ("text", "rule", "passes", "fails", "reason"),
    [
        ("one.\ntwo", "min_line_punct", 0.5, 0.51, "line_punct_ratio"),
        ("x" * 30 + "\n" + "y" * 31, "max_short_lines", 0.5, 0.49, "short_line_ratio"),
        ("same\nsame\nrest", "max_char_dup", 4 / 12, 0.33, "char_dup_ratio"),
        ("a b c d\n", "max_newlines_per_word", 0.25, 0.24, "list_ratio"),
    ],
)
def test_edges(ours, text, rule, passes, fails, reason):
    assert ours(FinewebQuality(**{**OFF, rule: passes}), [text])[0][0] is None
    assert ours(FinewebQuality(**{**OFF, rule: fails}), [text])[0][0] == reason


def test_empty_null_and_blank(ours, columns):
    assert [v[0] for v in ours(FinewebQuality(), ["", None, " \n "])] == ["empty"] * 3
    assert columns(FinewebQuality(), ["\n"])["fineweb.list_ratio"] == [None]


def test_own_stop_chars(ours):
    stage = FinewebQuality(**{**OFF, "min_line_punct": 0.5}, stop_chars=";")
    assert [v[0] for v in ours(stage, ["a;", "a."])] == [None, "line_punct_ratio"]


@pytest.mark.real_data
def test_real_pages(oracle, ours, gold):
    texts = [page["text"] for page in gold[:70]]
    theirs = [oracle(FineWebQualityFilter(), text)[0] for text in texts]
    assert [v[0] for v in ours(FinewebQuality(), texts)] == theirs
    assert len(set(theirs)) > 2
