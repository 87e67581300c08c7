"""Texts cut into units, and hashes of their runs."""

from itertools import pairwise

import pytest
from datatrove.utils.text import simplify_text
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.pipeline.dedup.units import SpanCutter, UnitKind

TEXT = st.text("ab1.! \n\t*é水。\u2028", max_size=60)


def cut(text: str, unit: UnitKind = "line") -> list[str]:
    units = SpanCutter(unit=unit).units(text)
    return [text[a:b] for (a, _), (b, _) in pairwise([*units, (len(text), "")])]


def test_lines_with_what_holds_no_letter_after_them() -> None:
    assert cut("\n\nOne mill.\n\n* * *\nTwo mills.\r\nThree") == [
        "\n\nOne mill.\n\n* * *\n",
        "Two mills.\r\n",
        "Three",
    ]


def test_sentences_end_with_their_line() -> None:
    text = "About us\nThe wheel turns. It is old!\nWhy? Ask e.g. Dr. Quern. (Or not.)"
    assert cut(text, "sentence") == [
        "About us\n",
        "The wheel turns. ",
        "It is old!\n",
        "Why? ",
        "Ask e.g. Dr. Quern. (",  # spaCy's sentencizer: all punctuation after a mark goes with it
        "Or not.)",
    ]


def test_simplified_units_are_datatroves() -> None:
    text = "Öl kostet 3,50 €!\nÖl kostet 4.20 €"
    units = SpanCutter(unit="line").units(text)
    assert [form for _, form in units] == [simplify_text(line) for line in text.split("\n")]
    spans = SpanCutter(unit="line", span=1)([text])
    assert spans.hashes[0] == spans.hashes[1]


@given(text=TEXT, unit=st.sampled_from(["line", "sentence"]))
def test_units_are_the_whole_text(text: str, unit: UnitKind) -> None:
    units = SpanCutter(unit=unit).units(text)
    begins = [begin for begin, _ in units]
    assert begins == sorted(set(begins))
    assert begins[:1] in ([0], [])
    assert all(form for _, form in units)
    assert begins or not any(c.isalnum() for c in text)


@settings(deadline=None)
@given(
    texts=st.lists(st.lists(st.sampled_from(["a", "b b", "c c c"]), max_size=6), max_size=4),
    span=st.integers(1, 4),
    min_words=st.integers(0, 5),
)
def test_spans_are_runs_of_units_of_one_text(
    texts: list[list[str]], span: int, min_words: int
) -> None:
    found = SpanCutter("line", span, min_words)(["\n".join(lines) for lines in texts])
    told: dict[tuple[str, ...], int] = {}
    expected = []
    for row, lines in enumerate(texts):
        ends = [sum(len(line) + 1 for line in lines[:i]) for i in range(len(lines) + 1)]
        ends[-1] = max(0, ends[-1] - 1)
        for i in range(len(lines) - span + 1):
            run = tuple(lines[i : i + span])
            if len(" ".join(run).split()) >= min_words:
                expected.append((row, ends[i], ends[i + span], run))
    places = zip(found.row.tolist(), found.start.tolist(), found.end.tolist(), strict=True)
    assert list(places) == [one[:3] for one in expected]
    for hash_, (*_, run) in zip(found.hashes.tolist(), expected, strict=True):
        assert told.setdefault(run, hash_) == hash_
    assert len(set(told.values())) == len(told)


def test_order_counts() -> None:
    one, two = (SpanCutter("line", 2)([text]).hashes for text in ("a\nb", "b\na"))
    assert one != two


@pytest.mark.parametrize("language", ["en", "de", "zh", "xyz"])
def test_chinese_words_are_counted(language: str) -> None:
    texts = ["水车慢慢转。风也吹。\n第二行。"]
    few, many = (len(SpanCutter("line", 1, n, language)(texts).hashes) for n in (1, 6))
    assert (few, many) == (2, 1)
