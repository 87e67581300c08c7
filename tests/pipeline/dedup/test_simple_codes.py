"""Simplified texts as code points."""

import unicodedata

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from gristmill.pipeline.dedup.simple_codes import SPACE, simple_codes, unspaced
from gristmill.pipeline.text import simplify


def back(texts: list[str]) -> list[str]:
    """The simplified texts as strings, runs of spaces made one."""
    codes, ends = simple_codes(texts)
    assert len(ends) == len(texts)
    assert not len(ends) or ends[-1] == len(codes)
    parts = np.split(codes, ends[:-1]) if len(ends) else []
    return [" ".join("".join(map(chr, part.tolist())).split(" ")).strip() for part in parts]


def collapsed(text: str) -> str:
    return " ".join(text.split())


_ALPHABET = st.characters() | st.sampled_from(
    "aZ09.,،٫٣ \n\t\0-'’!éǺḚσΣßﬁ\u0301가각\u1100\u1161中あกཀི𝟘𑛐"
)


@given(st.lists(st.text(_ALPHABET, max_size=30), max_size=4))
@example(["1.2.3.4, 5,6.7 8. 9 .1 1,2,3", "v1.0"])
@example(["١٢٫٣ 𑛐.𑛐", "İstanbul ὈΔΥΣΣΕΎΣ ΟΔΟΣ"])
def test_the_same_as_simplify(texts: list[str]) -> None:
    # Composed letters stay one code point here where simplify has the parts; that is all.
    expected = [collapsed(simplify(text)) for text in texts]
    found = [collapsed(unicodedata.normalize("NFD", text)) for text in back(texts)]
    kept = {c for text in expected for c in text if unicodedata.combining(c)}
    if not kept:  # marks that are no accents may stand in another order
        assert found == expected
    else:
        assert list(map(len, found)) == list(map(len, expected))


def test_no_texts_and_empty_ones() -> None:
    codes, ends = simple_codes([])
    assert (len(codes), len(ends)) == (0, 0)
    codes, ends = simple_codes(["", "a", ""])
    assert codes.tolist() == [SPACE, ord("a"), SPACE, SPACE]
    assert ends.tolist() == [1, 3, 4]


def test_neighbours_do_not_change_a_text() -> None:
    texts = ["plain ascii 3", "Größe 3 km", "1", ".5", "中文", "Σ", "a\u0301", "\u0301b", "𝟘"]
    together = back(texts)
    assert together == [back([text])[0] for text in texts]


def test_scripts_without_spaces() -> None:
    codes = np.array(list(map(ord, "中あก𠀀가a😀")), np.uint32)
    assert unspaced(codes).tolist() == [True] * 4 + [False] * 3
