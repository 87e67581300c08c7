import pytest
import stdnum.iban
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters.pii.iban import LENGTHS, PLACEHOLDER, replace

# Examples that the registry and banks print.
IBANS = [
    *("DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "gb29nwbk60161331926819"),
    *("NO9386011117947", "FR14 2004 1010 0505 0001 3M02 606", "CH93-0076-2011-6238-5295-7"),
    *("MT84MALT011000012345MTLCAST001S", "NL91\u00a0ABNA\u00a00417\u00a01643\u00a000"),
]
PIECES = [*IBANS[:3], PLACEHOLDER, "DE89", "DE89 ", " ", "3704", "-", ".", "x", "日"]


@pytest.mark.parametrize("iban", IBANS)
def test_ibans(iban):
    for left, right in ((" ", " "), ("IBAN:", "."), ("口座", "です"), ("AB12 ", " BIC COBADEFF")):
        assert replace(left + iban + right) == (left + PLACEHOLDER + right, 1)


@pytest.mark.parametrize(
    "text",
    [
        *("", "DE89370400440532013001", "DE8937040044053201300", "DE893704004405320130000"),
        *("XDE89370400440532013000", "XX89370400440532013000", "DE89 37040044 0532 013000"),
        *("DE89 3704 0044 0532 0130", "DE89", PLACEHOLDER),
    ],
)
def test_everything_else_stays(text):
    assert replace(text) == (text, 0)


def test_lengths_are_those_of_python_stdnum():
    """Its registry gives a structure for each country; the number of characters follows."""
    for country, length in LENGTHS.items():
        structure = dict(stdnum.iban._ibandb.info(country)[0][1])["bban"]
        parts = [part for part in structure.replace("!", " ").split() if part]
        digits = ["".join(c for c in part if c.isdigit()) for part in parts]
        assert 4 + sum(int(d) for d in digits if d) == length, country


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), max_size=14).map("".join))
def test_twice_is_once(text):
    clean, _ = replace(text)
    assert replace(clean) == (clean, 0)


def test_hostile_text_is_linear():
    for text in ("DE89" * 100_000, "DE89 3704 " * 10_000):
        assert replace(text) == (text, 0)
