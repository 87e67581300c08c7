"""Places cut out of texts."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import ShardError
from gristmill.pipeline.dedup.cuts import CUTS, Cuts, without
from gristmill.pipeline.schema import documents

CUT = Cuts("s", "s.cuts", "short", 0, 0, "en")


def rows(*places: tuple[int, int, int]) -> pa.Table:
    columns = [[place[i] for place in places] for i in range(3)]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, CUTS, strict=True)]
    return pa.table(arrays, schema=CUTS)


@pytest.mark.parametrize(
    ("text", "places", "left"),
    [
        ("One. Two. Three.", [(5, 10)], "One. Three."),
        ("One. Two. Three.", [(0, 5)], "Two. Three."),
        ("One. Two. Three.", [(10, 16)], "One. Two."),
        ("One. Two. Three.", [(0, 10), (5, 16)], ""),
        ("a\nb\nc\nd\n", [(2, 4), (2, 6), (4, 6)], "a\nd"),
        ("One. Two.\nThree. Four.", [(5, 10)], "One.\nThree. Four."),  # on two lines, as before
        ("One. Two.\n\nThree. Four.", [(5, 18)], "One.\nFour."),
        ("One. Two.\nThree. Four.", [(10, 17)], "One. Two.\nFour."),
        ("One. Two.\nThree.", [(0, 10)], "Three."),
        (" as it is ", [], "as it is"),
    ],
)
def test_without(text: str, places: list[tuple[int, int]], left: str) -> None:
    assert without(text, places) == left


@given(text=st.text("ab \n", max_size=30), data=st.data())
def test_without_leaves_what_is_in_no_place(text: str, data: st.DataObject) -> None:
    place = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))
    places = sorted(p for p in data.draw(st.lists(place, max_size=4)) if p[0] < p[1])
    left = [c for i, c in enumerate(text) if not any(a <= i < b for a, b in places)]
    assert "".join(without(text, places).split()) == "".join("".join(left).split())


def test_mark_rewrites_listed_documents_only() -> None:
    batch = documents(["One. Two. Three.", "  kept as it is ", "Gone.", None])
    marked, reasons = CUT.mark(batch, rows((0, 0, 5), (0, 0, 10), (2, 0, 5)))
    assert reasons.to_pylist() == [None, None, "short", None]
    assert marked["text"].to_pylist() == ["Three.", "  kept as it is ", "Gone.", None]
    assert marked["s.removed_spans"].to_pylist() == [2, 0, 1, 0]
    assert marked["s.removed_chars"].to_pylist() == [10, 0, 5, 0]
    assert {name: marked.schema.field(name).type for name in CUT.columns()} == CUT.columns()
    assert CUT.found(marked, reasons) == CUT.listed(rows((0, 0, 5), (0, 0, 10), (2, 0, 5))) == 3


def test_mark_of_nothing() -> None:
    for batch in (documents(["a"]), documents(["a"]).slice(0, 0)):
        marked, reasons = CUT.mark(batch, rows())
        assert CUT.found(marked, reasons) == reasons.null_count - batch.num_rows == 0
        assert set(CUT.columns()) <= set(marked.schema.names)


@pytest.mark.parametrize(
    ("limits", "dropped"), [((0, 0), False), ((5, 2), False), ((6, 0), True), ((0, 3), True)]
)
def test_what_is_left_must_be_enough(limits: tuple[int, int], dropped: bool) -> None:
    cuts = Cuts("s", "s.cuts", "short", *limits, "en")
    batch = documents(["Cut. It turns. Old.", "Short."])  # left: "It turns. Old."
    _, reasons = cuts.mark(batch, rows((0, 0, 5)))
    assert reasons.to_pylist() == ["short" if dropped else None, None]


@pytest.mark.parametrize("place", [(0, 0, 5), (0, 3, 3), (1, 0, 1)])
def test_a_place_outside_the_text_stops_the_shard(place: tuple[int, int, int]) -> None:
    with pytest.raises(ShardError, match="the text is not the one that was compared"):
        CUT.mark(documents(["four", None]), rows(place))


def test_keys_need_not_come_in_order() -> None:
    batch = documents(["a b", "c d", "e f"]).take(pa.array(np.array([2, 0, 1])))
    marked, _ = CUT.mark(batch, rows((0, 0, 2), (2, 2, 3)))
    assert marked["text"].to_pylist() == ["e", "b", "c d"]
