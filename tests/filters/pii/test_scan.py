import pytest

from gristmill.filters.pii.scan import HYPHENS, SPACES, stands_alone, substitute, to_ascii


def test_to_ascii_keeps_places():
    text = f"０９{SPACES}{HYPHENS}（）＋．／é日"
    assert to_ascii(text) == "09" + " " * len(SPACES) + "-" * len(HYPHENS) + "()+./é日"


@pytest.mark.parametrize(
    "text", ["1", " 1 ", "日1は", "(1)", "Tel.1.", "a:1:", "1, 2", "=1;", "é1é"]
)
def test_stands_alone(text):
    assert stands_alone(text, text.index("1"), text.index("1") + 1)


@pytest.mark.parametrize(
    "text",
    ["x1", "1x", "_1", "91", "1９", "2.1", "1.2", "2:1", "1:2", "a-1", "1-a", "a/1", "1/2", "1@x"],
)
def test_part_of_something(text):
    assert not stands_alone(text, text.index("1"), text.index("1") + 1)


def test_tied_numbers_hold_each_other():
    for tie in ".:-/@_":
        text = f"111{tie}222"
        assert not stands_alone(text, 0, 3)
        assert not stands_alone(text, 4, 7)


def test_substitute():
    assert substitute("a12b3", [(1, 3, "X"), (4, 5, "YY")]) == ("aXbYY", 2)
    assert substitute("a12b3", []) == ("a12b3", 0)
