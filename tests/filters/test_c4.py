import pytest
import strategies
from datatrove.pipeline.filters import C4QualityFilter
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters.c4 import C4

SENTENCES = "This line holds some words. It ends well. So it stays! Does it? It does."
LINES = [
    SENTENCES,
    "Lorem Ipsum dolor sit amet.",
    "please enable JavaScript in your browser.",
    "var x = { y: 1 } here",
    "JavaScript lorem ipsum { three",
    "We use cookies on this site.",
    "Our Privacy Policy has a { brace.",
    "too short",
    "no end mark on this line",
    "An ellipsis at the end...",
    "Cited [12] as such [edit] and [citation needed] too.",
    "w" * 1001 + " and more words",
    "w" * 1000 + " and more words",
    "  padded with spaces.  ",
    "",
]
texts = st.lists(st.sampled_from(LINES) | st.text(max_size=30), max_size=12).flatmap(
    lambda lines: st.sampled_from(["\n", "\r\n", "\x0b", "\u2028"]).map(lambda end: end.join(lines))
)


def same(oracle, ours, text, stage, **options):
    reason, rewritten = oracle(C4QualityFilter(**options), text)
    found = ours(stage, [text])[0]
    assert found[0] == reason
    if reason is None:
        assert found[1] == rewritten


@settings(max_examples=300, deadline=None)
@given(texts)
def test_same_as_datatrove_in_the_fineweb_call(oracle, ours, text):
    same(oracle, ours, text, C4(), filter_no_terminal_punct=False)


@settings(max_examples=200, deadline=None)
@given(texts, st.lists(st.booleans(), min_size=6, max_size=6), st.sampled_from([None, 0, 2]))
def test_same_as_datatrove_with_rules_switched(oracle, ours, text, switches, least):
    names = ("remove_citations", "filter_no_terminal_punct", "filter_javascript", "filter_policy")
    names += ("filter_lorem_ipsum", "filter_curly_bracket")
    options = dict(zip(names, switches, strict=True))
    stage = C4(**options, min_sentences=least, min_words_per_line=least)
    least = -1 if least is None else least
    same(oracle, ours, text, stage, **options, min_num_sentences=least, min_words_per_line=least)


@strategies.searching
@given(strategies.texts, st.sampled_from([5, 1]))
def test_odd_texts_as_datatrove(oracle, ours, text, least):
    options = {"filter_no_terminal_punct": False}
    stage = C4(**options, min_sentences=least)
    same(oracle, ours, text, stage, **options, min_num_sentences=least)


def test_whichever_line_comes_first_gives_the_reason(ours):
    lorem, brace = "lorem ipsum dolor sit", "a b c {"
    texts = [f"{lorem}\n{brace}", f"{brace}\n{lorem}", f"{lorem} {{", lorem, brace]
    assert [v[0] for v in ours(C4(), texts)] == [
        "lorem_ipsum",
        "curly_bracket",
        "lorem_ipsum",
        "lorem_ipsum",
        "curly_bracket",
    ]


def test_counts_what_was_dropped(columns):
    row = columns(C4(), ["\n".join(LINES)])
    assert row["c4.lines"] == [len(LINES) - 1]  # the last is empty
    assert row["c4.dropped_long_word"] == [1]
    assert row["c4.dropped_javascript"] == [2]
    assert row["c4.dropped_policy"] == [2]
    assert row["c4.dropped_few_words"] == [1]
    assert row["c4.dropped_no_terminal_punct"] == [0]
    assert row["c4.lorem_line"] == [1]
    assert row["c4.bracket_line"] == [3]


def test_edge_of_five_sentences(ours):
    five = "One is here. Two is here. Three is here. Four is here. Five is here."
    four = "One is here. Two is here. Three is here. Four is here."
    assert [v[0] for v in ours(C4(), [five, four])] == [None, "too_few_sentences"]


def test_empty_and_null(ours):
    assert ours(C4(), ["", None]) == [("too_few_sentences", "")] * 2
    assert ours(C4(min_sentences=None), [""]) == [(None, "")]


@pytest.mark.real_data
def test_real_pages(oracle, ours, gold):
    texts = [page["text"] for page in gold[:70]]
    theirs = [oracle(C4QualityFilter(filter_no_terminal_punct=False), text) for text in texts]
    found = ours(C4(), texts)
    assert [v[0] for v in found] == [v[0] for v in theirs]
    kept = [i for i, v in enumerate(theirs) if v[0] is None]
    assert [found[i][1] for i in kept] == [theirs[i][1] for i in kept]
    assert len({v[0] for v in theirs}) > 1
