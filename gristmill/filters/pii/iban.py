"""International bank account numbers (ISO 13616): country, length and MOD 97-10."""

from collections.abc import Iterator

from gristmill.filters.pii.checksums import mod_97
from gristmill.filters.pii.scan import Found, attached, compiled, stands_alone, substitute, to_ascii

PLACEHOLDER = "[IBAN]"

#: Characters of an IBAN by country, as in the SWIFT IBAN Registry (the test compares another copy).
_BY_LENGTH = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
LENGTHS = {country: n for n, countries in _BY_LENGTH.items() for country in countries.split()}

#: How every IBAN begins; the rest is read by the country's length.
_START = "[A-Za-z]{2}[0-9]{2}"


def replace(text: str) -> tuple[str, int]:
    """Return the text with each IBAN replaced by ``PLACEHOLDER``, and how many there were."""
    return substitute(text, _find(text))


def _find(text: str) -> Iterator[Found]:
    past = 0
    for match in compiled(_START).finditer(text):
        start: int = match.start()
        if start < past or attached(text[start - 1 : start]):
            continue
        length = LENGTHS.get(text[start : start + 2].upper())
        end = _end(text, start, length) if length else None
        if end and stands_alone(text, start, end):
            past = end
            yield start, end, PLACEHOLDER


def _end(text: str, start: int, length: int) -> int | None:
    """Return where a valid IBAN that begins at ``start`` ends: in one piece, or in fours."""
    if _is_valid(text[start : start + length], length):
        return start + length
    spaced = to_ascii(text[start : start + length + (length - 1) // 4])
    separator = spaced[4:5]
    groups = spaced.split(separator) if separator in {" ", "-"} else []
    in_fours = all(len(group) == 4 for group in groups[:-1])
    return start + len(spaced) if in_fours and _is_valid("".join(groups), length) else None


def _is_valid(iban: str, length: int) -> bool:
    whole = len(iban) == length and iban.isascii() and iban.isalnum()
    return whole and mod_97((iban[4:] + iban[:4]).upper()) == 1
