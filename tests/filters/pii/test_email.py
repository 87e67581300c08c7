import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters.pii.email import PLACEHOLDER, replace

PIECES = ["a", "B", "@", "@", ".", "8", " ", "!", "-", "[1.2.3.4]", "x.com", "é", "_", PLACEHOLDER]


@pytest.mark.parametrize(
    "address",
    [
        *("ann@site.org", "Ann.B+list@sub.site.co.uk", "o'neil@site.org", "a_b@site.museum"),
        *("x@[198.51.100.7]", "1@2.example", "a@b-c.example", "A" * 64 + "@site.org"),
    ],
)
def test_addresses(address):
    for left, right in ((" ", " "), ("<", ">"), ("mail:", ","), ("日本", "\n"), ("", "")):
        text = f"é{left}{address}{right}é"
        assert replace(text) == (f"é{left}{PLACEHOLDER}{right}é", 1)


@pytest.mark.parametrize(
    "text",
    [
        *("", "no address", "a@b", "@user on a site", "pip install pkg@1.2.3", "a @ b.org"),
        *("A" * 65 + "@site.org", "x@.org", f"write to {PLACEHOLDER}."),
    ],
)
def test_no_addresses(text):
    assert replace(text) == (text, 0)


def test_several():
    assert replace("a@b.org,c@d.org a@b.org")[1] == 3


@settings(max_examples=1000)
@given(st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), max_size=14).map("".join))
def test_twice_is_once(text):
    clean, _ = replace(text)
    assert replace(clean) == (clean, 0)


def test_hostile_text_is_linear():
    # datatrove's pattern takes minutes for these.
    for text in ("a@" + "b-" * 500_000, "a." * 500_000 + "@x"):
        assert replace(text) == (text, 0)
