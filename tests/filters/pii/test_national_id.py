import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters.pii.national_id import COUNTRIES, PLACEHOLDER, replace

# Invented numbers with right check digits: (country, text with the number in braces).
FOUND = [
    ("US", "SSN {123-45-6789}"),
    ("US", "as {123-45-6789} says"),
    ("US", "Social Security Number: {123 45 6789}"),
    ("US", "ssn {123456789}."),
    ("KR", "주민등록번호{900101-1816440}은"),
    ("KR", "no word {900101 - 1816440}"),
    ("KR", "주민번호 {9001011816440}"),
    ("KR", "외국인등록번호 {880505-5123456}"),
    ("KR", "주민등록번호는 {210315-3123456}"),
    ("JP", "マイナンバー：{8073 0215 7368}"),
    ("CN", "({11010519491231002X})"),
    ("FR", "le {1 85 05 78 006 317 52},"),
    ("FR", "NIR {185057800631752}"),
    ("DE", "Steuer-ID {57 430 194 462}"),
    ("ES", "DNI: {39348471W}"),
    ("ES", "NIE {X-6020057-Z}"),
    ("IT", "per {RSSMRA80A01H501U} e"),
    ("BR", "o {529.982.247-25} do"),
    ("BR", "CPF {52998224725}"),
    ("SE", "Personnummer {850312-0258}"),
    ("PL", "PESEL {85031255409}"),
    ("GB", "National Insurance No. {AB 12 34 56 C}"),
]
STAYS = [
    *("", "no number", "123 45 6789", "123456789", "000-12-3456", "900-12-3456", "666-12-3456"),
    *("078-05-1120", "x123-45-6789", "123-45-67890", "1-123-45-6789", "123-45-6789-1"),
    *("900101-1816441", "주민등록번호 900101-1816441", "9001011816440", "901301-1816440"),
    *("880505-5123456", "210315-3123456", "8073 0215 7368", "57 430 194 462", "39348471W"),
    *("52998224725", "850312-0258", "85031255409", "AB 12 34 56 C", "DNI 39348471A"),
    *("National Insurance GB 12 34 56 C", PLACEHOLDER, "ISBN 978-3-16-148410-0"),
]
PIECES = [
    *("SSN ", "123-45-6789", "123456789", "900101-1816440", "NIR ", "185057800631752", "CPF "),
    *("52998224725", " ", "-", ".", "1", "a", "日", PLACEHOLDER, "Steuer-ID", "57 430 194 462"),
]


@pytest.mark.parametrize(("country", "marked"), FOUND)
def test_found(country, marked):
    before, _, rest = marked.partition("{")
    number, _, after = rest.partition("}")
    expected = (before + PLACEHOLDER + after, 1)
    assert replace(before + number + after) == expected
    assert replace(before + number + after, (country,)) == expected
    others = tuple(c for c in COUNTRIES if c != country)
    assert replace(before + number + after, others)[1] == 0


@pytest.mark.parametrize("text", STAYS)
def test_everything_else_stays(text):
    assert replace(text) == (text, 0)


def test_no_countries():
    assert replace("SSN 123-45-6789", ()) == ("SSN 123-45-6789", 0)


def test_a_word_reaches_a_list():
    text = "SSN 123456789, 123456788"
    assert replace(text) == (f"SSN {PLACEHOLDER}, {PLACEHOLDER}", 2)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=16).map("".join))
def test_twice_is_once(text):
    clean, _ = replace(text)
    assert replace(clean) == (clean, 0)


def test_hostile_text_is_linear():
    for text in ("1" * 500_000, "1 " * 200_000, "A" * 500_000, "123-45-" * 50_000):
        assert replace(text) == (text, 0)
