import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.tokenize.formats import ends
from gristmill.tokenize.formats.ends import document_ends, positions


@pytest.mark.parametrize(
    ("tokens", "place", "expected"),
    [
        ([], "before", []),
        ([], "after", []),
        ([0, 1, 2, 0, 3], "before", [3, 5]),
        ([1, 2, 0, 3, 0], "after", [3, 5]),
        ([0, 0, 0], "before", [1, 2, 3]),
        ([0, 0, 0], "after", [1, 2, 3]),
        ([7, 0, 1], "before", [1, 3]),  # begins within a document
        ([7, 0, 1], "after", [2, 3]),  # ends within one
        ([7, 8], "before", [2]),
        ([7, 8], "after", [2]),
    ],
)
def test_by_hand(tokens, place, expected):
    assert document_ends(np.array(tokens, np.uint16), 0, place).tolist() == expected


@given(st.lists(st.lists(st.integers(1, 3), max_size=5), max_size=8), st.booleans())
def test_documents_come_back(documents, before):
    tokens = [t for d in documents for t in ([0, *d] if before else [*d, 0])]
    found = document_ends(np.array(tokens, np.int64), 0, "before" if before else "after")
    assert np.diff(found, prepend=0).tolist() == [len(d) + 1 for d in documents]


def test_recorded_sizes_go_before_and_end_of_text_divides_all_the_same():
    tokens = np.array([1, 2, 3, 0, 4, 5, 0, 6])
    sizes = np.array([2, 0, 2, 4])  # the first without end-of-text, the second empty
    assert document_ends(tokens, 0, "after", sizes).tolist() == [2, 2, 4, 7, 8]


def test_pieces_have_no_seam(monkeypatch):
    tokens = np.array([0, 1, 0, 0, 2, 3, 0])
    whole = positions(tokens, 0).tolist()
    monkeypatch.setattr(ends, "CHUNK", 2)
    assert positions(tokens, 0).tolist() == whole == [0, 2, 3, 6]
