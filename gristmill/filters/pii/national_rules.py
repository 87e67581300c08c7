"""What national identity numbers look like, by country: shape, check digits, words before them.

A number without check digits, or of a shape that ordinary numbers share, counts only where a word
names it (``words``) or where it is written as the authority writes it (``formal``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from gristmill.filters.pii.checksums import luhn, mod_11_10, weighted


@dataclass(frozen=True)
class Rule:
    """The identity number of one country.

    Attributes:
        shape: pattern of the number, ASCII digits; RE2 syntax.
        is_valid: says whether a number of that shape, without separators, can have been issued.
        words: pattern (RE2, any case) of what names the number shortly before it.
        formal: pattern of the written form that needs no such word; None: the word is needed.
    """

    shape: str
    is_valid: Callable[[str], bool]
    words: str
    formal: str | None = None


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def us_ssn(number: str) -> bool:
    """Social security number: no check digit; blocks never issued (SSA, since 25 June 2011)."""
    area, group, serial = number[:3], number[3:5], number[5:]
    issued = area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"
    # Printed in advertisements and therefore withdrawn (SSA history, "Misused SSNs").
    return issued and number not in {"078051120", "219099999"}


#: Since 5 October 2020 the last six digits are random (Ministry of the Interior and Safety).
_KR_RANDOM_SINCE = date(2020, 10, 5)


def _kr_born(number: str) -> date | None:
    century = {"1": 1900, "2": 1900, "3": 2000, "4": 2000, "5": 1900, "6": 1900, "7": 2000}
    year = century.get(number[6], 2000) + int(number[:2])
    try:
        return date(year, int(number[2:4]), int(number[4:6]))
    except ValueError:
        return None


def kr_rrn_checked(number: str) -> bool:
    """Resident registration number whose check digit fits; foreigners' digit is shifted by 2."""
    foreign = number[6] >= "5"
    if _kr_born(number) is None or (not foreign and number[7:9] > "96"):  # place of registration
        return False
    total = weighted(number[:12], (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5))
    return (11 + 2 * foreign - total % 11) % 10 == int(number[12])


def kr_rrn_unchecked(number: str) -> bool:
    """Number that may have been issued since October 2020, hence without a check digit.

    The number does not say when it was issued. It can be new if its bearer was born since then,
    or is a foreigner (5 to 8), registered on arrival.
    """
    born = _kr_born(number)
    return born is not None and (born >= _KR_RANDOM_SINCE or number[6] >= "5")


def jp_my_number(number: str) -> bool:
    """Individual number: weights 6 5 4 3 2 7 6 5 4 3 2, modulo 11 (MIC ordinance 85 of 2014)."""
    rest = weighted(number[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return int(number[11]) == (0 if rest <= 1 else 11 - rest)


def cn_resident_id(number: str) -> bool:
    """Resident identity number: birth date and ISO 7064 MOD 11-2 (GB 11643-1999)."""
    if not "11" <= number[:2] <= "83" or not 1900 <= int(number[6:10]) < 2100:
        return False
    total = sum(int(d) * pow(2, 17 - i, 11) for i, d in enumerate(number[:17]))
    fits = number[17] == "10X98765432"[total % 11]
    return fits and _is_date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def fr_nir(number: str) -> bool:
    """Numéro de sécurité sociale: sex, month and the key 97 - n mod 97 (INSEE)."""
    month = int(number[3:5])
    if not (1 <= month <= 12 or 20 <= month <= 42 or 50 <= month <= 99):
        return False
    body = number[:13].replace("2A", "19").replace("2B", "18")
    return 97 - int(body) % 97 == int(number[13:])


def de_tax_id(number: str) -> bool:
    """Steuerliche Identifikationsnummer: one digit twice or thrice, MOD 11,10 (BZSt)."""
    counts = sorted(number[:10].count(d) for d in set(number[:10]))
    return counts[-1] in {2, 3} and counts[-2] == 1 and mod_11_10(number)


def es_dni(number: str) -> bool:
    """DNI and NIE: letter by the number modulo 23 (Real Decreto 1553/2005)."""
    body = number[:-1].translate(str.maketrans("XYZ", "012"))
    return number[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(body) % 23]


#: What a character in an odd place counts; 0 and A count alike.
_CF_ODD = (
    *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18),
    *(20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
)


def it_codice_fiscale(number: str) -> bool:
    """Codice fiscale: day of birth (women: + 40) and check letter (DM 23 December 1976)."""
    values = [ord(c) - 65 if c.isalpha() else int(c) for c in number[:15]]
    total = sum(_CF_ODD[v] if i % 2 == 0 else v for i, v in enumerate(values))
    day = int(number[9:11])
    return 0 < day - 40 * (day > 40) <= 31 and number[15] == chr(65 + total % 26)


def br_cpf(number: str) -> bool:
    """CPF: two check digits modulo 11 (Receita Federal); eleven equal digits are none."""
    for length in (9, 10):
        rest = weighted(number[:length], tuple(range(length + 1, 1, -1))) * 10 % 11 % 10
        if rest != int(number[length]):
            return False
    return len(set(number)) > 1


def se_personnummer(number: str) -> bool:
    """Personnummer: birth date (day + 60: coordination number) and Luhn (Skatteverket)."""
    number = number[-10:]  # without the century
    return _is_date(2000, int(number[2:4]), int(number[4:6]) % 60) and luhn(number)


def pl_pesel(number: str) -> bool:
    """PESEL: birth date with the century in the month, weights 1 3 7 9 (Dz.U. 2010 nr 217)."""
    century, month = divmod(int(number[2:4]), 20)
    year = (1900, 2000, 2100, 2200, 1800)[century] + int(number[:2])
    total = weighted(number, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1))
    return total % 10 == 0 and _is_date(year, month, int(number[4:6]))


def gb_nino(number: str) -> bool:
    """National Insurance number: no check digit; prefixes never issued (HMRC, NIM39110)."""
    return number[:2] not in {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"}


_CN = r"[0-9]{17}[0-9X]"
_IT = r"[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]"
_KR_WORDS = r"주민\s?(?:등록)?\s?번호|외국인\s?등록\s?번호|주민번호|\brrn\b|resident registration"

#: Rules by country (ISO 3166), tried in this order; a country may have several.
RULES: dict[str, tuple[Rule, ...]] = {
    "US": (
        Rule(
            r"[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}",
            us_ssn,
            r"\bssn\b|social security|\bss ?#",
            formal=r"[0-9]{3}-[0-9]{2}-[0-9]{4}",
        ),
    ),
    "KR": (
        Rule(
            r"[0-9]{6} ?-? ?[1-8][0-9]{6}",
            kr_rrn_checked,
            _KR_WORDS,
            formal=r"[0-9]{6} ?- ?[1-8][0-9]{6}",
        ),
        Rule(r"[0-9]{6} ?-? ?[3-8][0-9]{6}", kr_rrn_unchecked, _KR_WORDS),
    ),
    "CN": (
        Rule(r"[0-9]{17}[0-9X]", cn_resident_id, r"身份证|公民身份", formal=r"[0-9]{17}[0-9X]"),
    ),
    "JP": (
        Rule(
            r"[0-9]{4}[- ]?[0-9]{4}[- ]?[0-9]{4}", jp_my_number, r"マイナンバー|個人番号|my number"
        ),
    ),
    "FR": (
        Rule(
            r"[12378] ?[0-9]{2} ?[0-9]{2} ?(?:[0-9]{2}|2[AB]) ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}",
            fr_nir,
            r"s[ée]curit[ée] sociale|\bnir\b|\binsee\b|n° ?s[ée]cu",
            formal=r"[12378] [0-9]{2} [0-9]{2} (?:[0-9]{2}|2[AB]) [0-9]{3} [0-9]{3} [0-9]{2}",
        ),
    ),
    "DE": (
        Rule(
            r"[1-9][0-9] ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}",
            de_tax_id,
            r"steuer-?id|identifikationsnummer|\bid-?nr\b|\btin\b",
        ),
    ),
    "ES": (Rule(r"(?:[0-9]|[XYZ]-?)[0-9]{7}[- ]?[A-Z]", es_dni, r"\bdni\b|\bnie\b|\bnif\b"),),
    "IT": (Rule(_IT, it_codice_fiscale, r"codice fiscale", formal=_IT),),
    "BR": (
        Rule(
            r"[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]{2}",
            br_cpf,
            r"\bcpf\b",
            formal=r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}",
        ),
    ),
    "SE": (Rule(r"(?:19|20)?[0-9]{6}[-+]?[0-9]{4}", se_personnummer, r"personn(?:umme)?r"),),
    "PL": (Rule(r"[0-9]{11}", pl_pesel, r"\bpesel\b"),),
    "GB": (
        Rule(
            r"[A-CEGHJ-PRSTW-Z][A-CEGHJ-NPRSTW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]",
            gb_nino,
            r"national insurance|\bnino\b|\bni (?:number|no)\b",
        ),
    ),
}
