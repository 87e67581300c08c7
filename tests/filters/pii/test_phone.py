import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters.pii.phone import PLACEHOLDER, is_region, replace

ALL = ("US", "KR", "DE", "FR", "JP", "GB")
INTERNATIONAL = [
    *("+1 202-555-0123", "+12025550123", "+44 20 7946 0018", "+49 (0)69 90009123"),
    *("(+49) 30 23125000", "+82-10-1234-5678", "＋８１　３－１２３４－５６７８", "+1.202.555.0123"),
]
NATIONAL = {
    "US": ("202-555-0123", "(202) 555-0123", "(202)555-0123", "202.555.0123", "1-202-555-0123"),
    "KR": ("02-1234-5678", "010-1234-5678", "(02) 345-6789", "031 123 4567"),
    "DE": ("030 23125000", "(030) 231 25 123", "030/23125124", "0176 04069123", "0049 30 23125000"),
    "FR": ("01 99 00 12 34", "01.99.00.12.34", "01-99-00-12-34"),
    "JP": ("03-1234-5678", "０３－１２３４－５６７８", "03（1234）5678", "0120-123-456"),
    "GB": ("020 7946 0958", "0161 496 0331", "(020) 7946 0958"),
}
PIECES = [
    *("+1 202-555-0123", "202-555-0123", "02-1234-5678", "01 99 00 12 34", "(02) 345-6789", "Tel."),
    *("+", "(", ")", " ", "-", ".", "/", ",", "0", "12", "555", "0123", "x", "x12", "전화", "日"),
    *("ISBN ", "2025550123", PLACEHOLDER, "8.8.8.8"),
]


@pytest.mark.parametrize("number", INTERNATIONAL)
@pytest.mark.parametrize("regions", [(), ALL])
def test_international_numbers_count_always(number, regions):
    for left, right in (
        (" ", " "),
        ("call:", "."),
        ("電話", "まで"),
        ("[", "] 7"),
        ("Fax ", ", 12"),
    ):
        assert replace(left + number + right, regions) == (left + PLACEHOLDER + right, 1)


@pytest.mark.parametrize("region", NATIONAL)
def test_national_numbers_count_in_their_region(region):
    for number in NATIONAL[region]:
        for left, right in (("at ", "."), ("", "에서"), ("(", ")"), ("2024-05-01 ", " |")):
            text = left + number + right
            assert replace(text, (region,)) == (left + PLACEHOLDER + right, 1), text
            assert replace(text) == (text, 0)


def test_a_word_vouches_for_a_number_in_one_piece():
    for region, number in (("US", "2025550123"), ("KR", "01012345678"), ("DE", "03023125000")):
        assert replace(f"no word {number}", (region,))[1] == 0
        for word in ("Phone: ", "tel ", "전화번호 ", "電話", "Téléphone : "):
            assert replace(word + number, (region,)) == (word + PLACEHOLDER, 1)


def test_the_placeholder_vouches_for_nothing():
    text = "Tel. 202-555-0123 and then a good deal later 2025550199"
    assert replace(text, ("US",))[1] == 1
    assert replace("202-555-0123 2025550199", ("US",)) == (f"{PLACEHOLDER} 2025550199", 1)


def test_several_in_a_row():
    text = "02-1234-5678 / 010-1234-5678 02-1234-5679, 02-1234-5670"
    assert replace(text, ("KR",)) == (
        f"{PLACEHOLDER} / {PLACEHOLDER} {PLACEHOLDER}, {PLACEHOLDER}",
        4,
    )


def test_extension_goes_with_its_number():
    assert replace("202-555-0123x4567 now", ("US",)) == (f"{PLACEHOLDER} now", 1)
    assert replace("202-555-0123xyz", ("US",))[1] == 0


@pytest.mark.parametrize(
    "text",
    [
        *("", "ISBN 0-306-40615-2", "ISBN 978-3-16-148410-0", "EAN 4006381333931"),
        *("1914-1918, 1939-1945", "12.05.1980 14.06.2021", "2024-05-01 12:30:45", "01/02/2024 10"),
        *("$1,234,567.89", "1.234.567,89 €", "1 250 000 000", "37.566535, 126.977969"),
        *("3.14159265358979", "1714567890123", "550e8400-e29b-41d4-a716-446655440000"),
        *("01 02 03 04 05 06 07", "010 123 456 789 012 345", "0 0 0 0 0 0 0 0 0 0 0"),
        *("version 10.4.21.3", "1.3.6.1.4.1.311.21", "8.8.8.8", "Order #202-555-0123"),
        *("Bestellnummer 030-1234567", "주문번호 02-1234-5678", "(0.8) 3.4 3.5 3.3 2.9"),
        *("MA 02205-5819", "202-555-0123-A", "a202-555-0123", "202-555-0123@x", "+1 234", "+1.5"),
        *("02-1234-5678원", "555-0123", "111-555-0123", "+999 123 456 789", PLACEHOLDER),
    ],
)
def test_everything_else_stays(text):
    assert replace(text, ALL) == (text, 0)


def test_regions():
    assert is_region("KR")
    assert not is_region("kr")


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_twice_is_once(text):
    clean, _ = replace(text, ALL)
    assert replace(clean, ALL) == (clean, 0)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("0123456789+() .-/０－日xT"), max_size=60))
def test_twice_is_once_on_any_digits(text):
    clean, _ = replace(text, ALL)
    assert replace(clean, ALL) == (clean, 0)


def test_hostile_text_is_linear():
    for text in ("7" * 200_000, "7 " * 20_000, "((" * 100_000, "+" * 100_000, "1-" * 100_000):
        assert replace(text, ("US",)) == (text, 0)
