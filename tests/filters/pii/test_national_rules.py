"""Every rule against python-stdnum, on numbers of the right shape, mostly with the right digit."""

from datetime import date

import pytest
import stdnum.br.cpf
import stdnum.cn.ric
import stdnum.de.idnr
import stdnum.es.dni
import stdnum.fr.nir
import stdnum.it.codicefiscale
import stdnum.kr.rrn
import stdnum.pl.pesel
import stdnum.se.personnummer
import stdnum.us.ssn
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters.pii import national_rules as rules

BORN = st.dates(date(1950, 1, 1), date(1999, 12, 31))


def digits(count):
    return st.text("0123456789", min_size=count, max_size=count)


def letter(choice):
    return st.sampled_from(choice)


def born_and(count):
    return st.builds(lambda d, n: f"{d:%y%m%d}{n}", BORN, digits(count))


CASES = [
    (rules.us_ssn, stdnum.us.ssn, digits(9)),
    (
        rules.kr_rrn_checked,
        stdnum.kr.rrn,
        st.builds(lambda d, s, n: f"{d:%y%m%d}{s}{n}", BORN, letter("12"), digits(6)),
    ),
    (
        rules.cn_resident_id,
        stdnum.cn.ric,
        st.builds(lambda d, n, c: f"110105{d:%Y%m%d}{n}{c}", BORN, digits(3), letter("0X7")),
    ),
    (rules.fr_nir, stdnum.fr.nir, st.builds(lambda n: f"1850578006{n}", digits(5))),
    (rules.de_tax_id, stdnum.de.idnr, digits(11).filter(lambda n: n[0] != "0")),
    (rules.es_dni, stdnum.es.dni, st.builds(lambda n, c: n + c, digits(8), letter("TRWX"))),
    (
        rules.it_codice_fiscale,
        stdnum.it.codicefiscale,
        st.builds(
            lambda d, n, c: f"RSSMRA80A{d:02d}H{n}{c}",
            st.integers(1, 31) | st.integers(41, 71),
            digits(3),
            letter("ABCUVZ"),
        ),
    ),
    (rules.br_cpf, stdnum.br.cpf, digits(11).filter(lambda n: len(set(n)) > 1)),
    (rules.se_personnummer, stdnum.se.personnummer, born_and(4)),
    (rules.pl_pesel, stdnum.pl.pesel, born_and(5)),
]


@pytest.mark.parametrize(("ours", "theirs", "numbers"), CASES)
def test_as_python_stdnum_says(ours, theirs, numbers):
    @settings(max_examples=150, database=None)
    @given(numbers)
    def check(number):
        # Their codice fiscale knows that 30 February is none; ours looks at the day alone.
        assert ours(number) == theirs.is_valid(number)

    check()


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (rules.jp_my_number, "807302157368", "807302157369"),
        (rules.de_tax_id, "57430194462", "57430194463"),
        (rules.fr_nir, "185057800631752", "185057800631753"),
        (rules.cn_resident_id, "11010519491231002X", "110105194912310021"),
        (rules.cn_resident_id, "110105198005126200", "110105198013126200"),
        (rules.gb_nino, "AB123456C", "GB123456C"),
        (rules.us_ssn, "123456789", "078051120"),
        (rules.se_personnummer, "198503120258", "198503120259"),
        (rules.br_cpf, "52998224725", "11111111111"),
    ],
)
def test_examples(rule, good, bad):
    assert rule(good)
    assert not rule(bad)


def test_korean_foreigners_have_a_check_digit_of_their_own():
    assert [c for c in "0123456789" if rules.kr_rrn_checked("850512512345" + c)] == [
        str((int(c) + 2) % 10)
        for c in "0123456789"
        if stdnum.kr.rrn.calc_check_digit("850512512345" + c) == c
    ]


def test_korean_numbers_without_check_digit():
    assert rules.kr_rrn_unchecked("2010053123456")  # born on the day of the new rule
    assert not rules.kr_rrn_unchecked("2010043123456")  # the day before
    assert rules.kr_rrn_unchecked("8805055123456")  # a foreigner may have come since
    assert not rules.kr_rrn_unchecked("8805051123456")
    assert not rules.kr_rrn_unchecked("2113013123456")  # no such month
