import stdnum.iso7064.mod_11_10
import stdnum.iso7064.mod_97_10
import stdnum.luhn
from hypothesis import given
from hypothesis import strategies as st

from gristmill.filters.pii.checksums import luhn, mod_11_10, mod_97, weighted

DIGITS = st.text("0123456789", min_size=2, max_size=20)


@given(DIGITS)
def test_as_python_stdnum_computes(digits):
    assert luhn(digits) == (stdnum.luhn.checksum(digits) == 0)
    assert mod_97(digits) == stdnum.iso7064.mod_97_10.checksum(digits)
    assert mod_11_10(digits) == (stdnum.iso7064.mod_11_10.checksum(digits) == 1)


@given(st.text("0123456789ABCXYZ", min_size=2, max_size=30))
def test_letters_count_from_ten(characters):
    assert mod_97(characters) == stdnum.iso7064.mod_97_10.checksum(characters)


def test_weighted():
    assert weighted("123", (3, 2, 1)) == 10
